namespace ProcessCluster.Serialization;

/// <summary>
/// <see cref="Guid"/> as 16 bytes in the order of <see href="https://www.rfc-editor.org/rfc/rfc9562#section-4">RFC 9562</see> (which
/// replaces RFC 4122): that in which it is written.
/// </summary>
public sealed class GuidFormatter : IMessageFormatter<Guid>
{
    /// <summary>The only one.</summary>
    public static readonly GuidFormatter Instance = new();

    private const int Size = 16;

    private GuidFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Guid value)
    {
        Span<byte> bytes = stackalloc byte[Size];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        writer.Write(bytes);
    }

    /// <inheritdoc/>
    public Guid Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        var bytes = reader.ReadBinary();
        return bytes.Length == Size
            ? new Guid(bytes, bigEndian: true)
            : throw new MessageFormatException($"a GUID as {Size} bytes of binary data", $"{bytes.Length} bytes", start);
    }
}

/// <summary>An array of bytes as binary data, null as nil.</summary>
public sealed class ByteArrayFormatter : IMessageFormatter<byte[]?>
{
    /// <summary>The only one.</summary>
    public static readonly ByteArrayFormatter Instance = new();

    private ByteArrayFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in byte[]? value)
    {
        if (value is null)
            writer.WriteNil();
        else
            writer.Write(value.AsSpan());
    }

    /// <inheritdoc/>
    public byte[]? Read(ref MessagePackReader reader) => reader.ReadBytes();
}

/// <summary>Memory of bytes as binary data. Nil is read as empty.</summary>
public sealed class MemoryOfByteFormatter : IMessageFormatter<Memory<byte>>
{
    /// <summary>The only one.</summary>
    public static readonly MemoryOfByteFormatter Instance = new();

    private MemoryOfByteFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Memory<byte> value) => writer.Write(value.Span);

    /// <inheritdoc/>
    public Memory<byte> Read(ref MessagePackReader reader) => reader.ReadBytes();
}

/// <summary>Memory of bytes as binary data. Nil is read as empty.</summary>
public sealed class ReadOnlyMemoryOfByteFormatter : IMessageFormatter<ReadOnlyMemory<byte>>
{
    /// <summary>The only one.</summary>
    public static readonly ReadOnlyMemoryOfByteFormatter Instance = new();

    private ReadOnlyMemoryOfByteFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ReadOnlyMemory<byte> value) => writer.Write(value.Span);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Read(ref MessagePackReader reader) => reader.ReadBytes();
}

/// <summary>A segment of bytes as binary data, the default segment as nil.</summary>
public sealed class ArraySegmentOfByteFormatter : IMessageFormatter<ArraySegment<byte>>
{
    /// <summary>The only one.</summary>
    public static readonly ArraySegmentOfByteFormatter Instance = new();

    private ArraySegmentOfByteFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ArraySegment<byte> value)
    {
        if (value.Array is null)
            writer.WriteNil();
        else
            writer.Write(value.AsSpan());
    }

    /// <inheritdoc/>
    public ArraySegment<byte> Read(ref MessagePackReader reader)
    {
        var bytes = reader.ReadBytes();
        return bytes is null ? default : new ArraySegment<byte>(bytes);
    }
}
