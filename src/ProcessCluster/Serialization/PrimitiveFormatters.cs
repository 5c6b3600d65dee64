using System.Text;

namespace ProcessCluster.Serialization;

/// <summary><see cref="bool"/> as true or false.</summary>
public sealed class BooleanFormatter : IMessageFormatter<bool>
{
    /// <summary>The only one.</summary>
    public static readonly BooleanFormatter Instance = new();

    private BooleanFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in bool value) => writer.Write(value);

    /// <inheritdoc/>
    public bool Read(ref MessagePackReader reader) => reader.ReadBoolean();
}

/// <summary><see cref="float"/> as a float of 32 bits; any number that fits is read.</summary>
public sealed class SingleFormatter : IMessageFormatter<float>
{
    /// <summary>The only one.</summary>
    public static readonly SingleFormatter Instance = new();

    private SingleFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in float value) => writer.Write(value);

    /// <inheritdoc/>
    public float Read(ref MessagePackReader reader) => reader.ReadSingle();
}

/// <summary><see cref="double"/> as a float of 64 bits; any number is read.</summary>
public sealed class DoubleFormatter : IMessageFormatter<double>
{
    /// <summary>The only one.</summary>
    public static readonly DoubleFormatter Instance = new();

    private DoubleFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in double value) => writer.Write(value);

    /// <inheritdoc/>
    public double Read(ref MessagePackReader reader) => reader.ReadDouble();
}

/// <summary><see cref="char"/>, a UTF-16 code unit, as an integer.</summary>
public sealed class CharFormatter : IMessageFormatter<char>
{
    /// <summary>The only one.</summary>
    public static readonly CharFormatter Instance = new();

    private CharFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in char value) => writer.Write(value);

    /// <inheritdoc/>
    public char Read(ref MessagePackReader reader) => reader.ReadChar();
}

/// <summary><see cref="Half"/> as a float of 32 bits; any number that fits is read.</summary>
public sealed class HalfFormatter : IMessageFormatter<Half>
{
    /// <summary>The only one.</summary>
    public static readonly HalfFormatter Instance = new();

    private HalfFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Half value) => writer.Write((float)value);

    /// <inheritdoc/>
    public Half Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        var value = reader.ReadSingle();
        var rounded = (Half)value;
        return Half.IsInfinity(rounded) && float.IsFinite(value)
            ? throw new MessageFormatException("a number of 16 bits", $"{value:R}", start)
            : rounded;
    }
}

/// <summary><see cref="Rune"/>, a Unicode scalar value, as an integer.</summary>
public sealed class RuneFormatter : IMessageFormatter<Rune>
{
    /// <summary>The only one.</summary>
    public static readonly RuneFormatter Instance = new();

    private RuneFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Rune value) => writer.Write(value.Value);

    /// <inheritdoc/>
    public Rune Read(ref MessagePackReader reader)
    {
        var start = reader.Consumed;
        var value = reader.ReadInt32();
        return Rune.TryCreate(value, out var rune)
            ? rune
            : throw new MessageFormatException("a Unicode scalar value as an integer", $"{value}", start);
    }
}
