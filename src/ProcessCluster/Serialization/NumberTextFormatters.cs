using System.Globalization;
using System.Numerics;

namespace ProcessCluster.Serialization;

/// <summary><see cref="decimal"/> as text such as "-12.50", with its trailing zeros.</summary>
public sealed class DecimalFormatter : IMessageFormatter<decimal>
{
    /// <summary>The only one.</summary>
    public static readonly DecimalFormatter Instance = new();

    private DecimalFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in decimal value) => NumberText.Write(ref writer, value);

    /// <inheritdoc/>
    public decimal Read(ref MessagePackReader reader) => NumberText.Read<decimal>(ref reader, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, "a decimal number as text");
}

/// <summary><see cref="Int128"/> as text.</summary>
public sealed class Int128Formatter : IMessageFormatter<Int128>
{
    /// <summary>The only one.</summary>
    public static readonly Int128Formatter Instance = new();

    private Int128Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Int128 value) => NumberText.Write(ref writer, value);

    /// <inheritdoc/>
    public Int128 Read(ref MessagePackReader reader) => NumberText.Read<Int128>(ref reader, NumberStyles.AllowLeadingSign, "an integer of 128 bits as text");
}

/// <summary><see cref="UInt128"/> as text.</summary>
public sealed class UInt128Formatter : IMessageFormatter<UInt128>
{
    /// <summary>The only one.</summary>
    public static readonly UInt128Formatter Instance = new();

    private UInt128Formatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in UInt128 value) => NumberText.Write(ref writer, value);

    /// <inheritdoc/>
    public UInt128 Read(ref MessagePackReader reader) => NumberText.Read<UInt128>(ref reader, NumberStyles.None, "an unsigned integer of 128 bits as text");
}

/// <summary>
/// <see cref="BigInteger"/> as text of at most 10,000 characters: reading text takes more than proportionally long, and no sender shall
/// be able to keep a processor busy with one message.
/// </summary>
public sealed class BigIntegerFormatter : IMessageFormatter<BigInteger>
{
    /// <summary>The only one.</summary>
    public static readonly BigIntegerFormatter Instance = new();

    private const int MaxLength = 10_000;

    private BigIntegerFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in BigInteger value)
    {
        // Three bits and a bit more make a digit, so that this bounds the work; the text's length then decides.
        var text = value.GetBitLength() <= MaxLength * 4L ? value.ToString(CultureInfo.InvariantCulture) : null;
        if (text is null || text.Length > MaxLength)
            throw new ClusterMessageException($"A BigInteger of more than {MaxLength} characters cannot be sent; send its bytes.");
        writer.Write(text);
    }

    /// <inheritdoc/>
    public BigInteger Read(ref MessagePackReader reader) =>
        NumberText.Read<BigInteger>(ref reader, NumberStyles.AllowLeadingSign, "an integer as text of at most 10,000 characters", MaxLength);
}

/// <summary>Numbers that MessagePack has no type for, as text that no culture changes.</summary>
internal static class NumberText
{
    private const int MaxLength = 64;

    public static void Write<T>(ref MessagePackWriter writer, T value)
        where T : IUtf8SpanFormattable
    {
        Span<byte> text = stackalloc byte[MaxLength];
        if (!value.TryFormat(text, out var length, default, CultureInfo.InvariantCulture))
            throw new InvalidOperationException($"{value} takes more than {MaxLength} characters.");
        writer.WriteUtf8(text[..length]);
    }

    public static T Read<T>(ref MessagePackReader reader, NumberStyles style, string expected, int maxLength = MaxLength)
        where T : INumberBase<T>
    {
        var start = reader.Consumed;
        var text = reader.ReadUtf8();
        return text.Length <= maxLength && T.TryParse(text, style, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new MessageFormatException(expected, $"text of {text.Length} bytes that is none", start);
    }
}
