namespace ProcessCluster.Serialization;

/// <summary><see cref="byte"/> as an integer.</summary>
public sealed class ByteFormatter : IMessageFormatter<byte>
{
    /// <summary>The only one.</summary>
    public static readonly ByteFormatter Instance = new();

    private ByteFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in byte value) => writer.Write(value);

    /// <inheritdoc/>
    public byte Read(ref MessagePackReader reader) => reader.ReadByte();
}

/// <summary><see cref="sbyte"/> as an integer.</summary>
public sealed class SByteFormatter : IMessageFormatter<sbyte>
{
    /// <summary>The only one.</summary>
    public static readonly SByteFormatter Instance = new();

    private SByteFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in sbyte value) => writer.Write(value);

    /// <inheritdoc/>
    public sbyte Read(ref MessagePackReader reader) => reader.ReadSByte();
}

/// <summary><see cref="short"/> as an integer.</summary>
public sealed class Int16Formatter : IMessageFormatter<short>
{
    /// <summary>The only one.</summary>
    public static readonly Int16Formatter Instance = new();

    private Int16Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in short value) => writer.Write(value);

    /// <inheritdoc/>
    public short Read(ref MessagePackReader reader) => reader.ReadInt16();
}

/// <summary><see cref="ushort"/> as an integer.</summary>
public sealed class UInt16Formatter : IMessageFormatter<ushort>
{
    /// <summary>The only one.</summary>
    public static readonly UInt16Formatter Instance = new();

    private UInt16Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ushort value) => writer.Write(value);

    /// <inheritdoc/>
    public ushort Read(ref MessagePackReader reader) => reader.ReadUInt16();
}

/// <summary><see cref="int"/> as an integer.</summary>
public sealed class Int32Formatter : IMessageFormatter<int>
{
    /// <summary>The only one.</summary>
    public static readonly Int32Formatter Instance = new();

    private Int32Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in int value) => writer.Write(value);

    /// <inheritdoc/>
    public int Read(ref MessagePackReader reader) => reader.ReadInt32();
}

/// <summary><see cref="uint"/> as an integer.</summary>
public sealed class UInt32Formatter : IMessageFormatter<uint>
{
    /// <summary>The only one.</summary>
    public static readonly UInt32Formatter Instance = new();

    private UInt32Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in uint value) => writer.Write(value);

    /// <inheritdoc/>
    public uint Read(ref MessagePackReader reader) => reader.ReadUInt32();
}

/// <summary><see cref="long"/> as an integer.</summary>
public sealed class Int64Formatter : IMessageFormatter<long>
{
    /// <summary>The only one.</summary>
    public static readonly Int64Formatter Instance = new();

    private Int64Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in long value) => writer.Write(value);

    /// <inheritdoc/>
    public long Read(ref MessagePackReader reader) => reader.ReadInt64();
}

/// <summary><see cref="ulong"/> as an integer.</summary>
public sealed class UInt64Formatter : IMessageFormatter<ulong>
{
    /// <summary>The only one.</summary>
    public static readonly UInt64Formatter Instance = new();

    private UInt64Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ulong value) => writer.Write(value);

    /// <inheritdoc/>
    public ulong Read(ref MessagePackReader reader) => reader.ReadUInt64();
}
