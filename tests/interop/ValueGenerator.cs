using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ProcessCluster.Interop;

/// <summary>Makes descriptions of values of all kinds, the same for the same seed.</summary>
internal sealed class ValueGenerator(int seed)
{
    private const int MaxDepth = 5;
    private const long FirstSecond = -62_135_596_800;
    private const long LastSecond = 253_402_300_799;

    private static readonly long[] Seconds =
        [FirstSecond, LastSecond, 0, -1, uint.MaxValue, uint.MaxValue + 1L, (1L << 34) - 1, 1L << 34];

    private static readonly double[] Doubles =
        [0.0, -0.0, 1.0, double.MaxValue, double.MinValue, double.Epsilon, double.PositiveInfinity, double.NegativeInfinity, 0.1];

    private static readonly string[] Texts =
        ["", "a", "größer", "日本語", "🚀", "\0", "\u2028\"\\\n", new('x', 31), new('x', 32), new('é', 127), new('é', 128), new('y', 70_000)];

    private static readonly int[] Lengths = [0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 255, 256, 65_535, 65_536];

    private readonly Random _random = new(seed);

    public string Next()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            Value(json, 0);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private void Value(Utf8JsonWriter json, int depth)
    {
        json.WriteStartArray();
        switch (_random.Next(depth < MaxDepth ? 11 : 9))
        {
            case 0:
                json.WriteStringValue("nil");
                break;
            case 1:
                json.WriteStringValue("bool");
                json.WriteBooleanValue(_random.Next(2) == 0);
                break;
            case 2 or 3:
                json.WriteStringValue("int");
                json.WriteStringValue(Integer());
                break;
            case 4:
                json.WriteStringValue("float");
                json.WriteStringValue(Double());
                break;
            case 5:
                json.WriteStringValue("float32");
                json.WriteStringValue(Single());
                break;
            case 6:
                json.WriteStringValue("str");
                json.WriteStringValue(Text());
                break;
            case 7:
                json.WriteStringValue("bin");
                json.WriteStringValue(Bytes());
                break;
            case 8 when _random.Next(2) == 0:
                json.WriteStringValue("time");
                json.WriteStringValue(Second().ToString(CultureInfo.InvariantCulture));
                json.WriteNumberValue(_random.Next(2) == 0 ? 0 : _random.Next(10_000_000) * 100);
                break;
            case 8:
                json.WriteStringValue("ext");
                json.WriteNumberValue(_random.Next(128));
                json.WriteStringValue(Bytes());
                break;
            case 9:
                Array(json, depth);
                break;
            default:
                Map(json, depth);
                break;
        }
        json.WriteEndArray();
    }

    private void Array(Utf8JsonWriter json, int depth)
    {
        json.WriteStringValue("array");
        json.WriteStartArray();
        for (var count = Count(); count > 0; count--)
            Value(json, depth + 1);
        json.WriteEndArray();
    }

    /// <summary>Keys are text that is no number: JavaScript knows no other, and would put numbers first.</summary>
    private void Map(Utf8JsonWriter json, int depth)
    {
        json.WriteStringValue("map");
        json.WriteStartArray();
        foreach (var key in Enumerable.Range(0, Count()).Select(_ => $"k{Text()}").Distinct())
        {
            json.WriteStartArray();
            json.WriteStartArray();
            json.WriteStringValue("str");
            json.WriteStringValue(key);
            json.WriteEndArray();
            Value(json, depth + 1);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    private int Count() => _random.Next(40) == 0 ? _random.Next(14, 40) : _random.Next(5);

    private string Integer()
    {
        var bits = _random.Next(65);
        if (bits == 64)
            return (ulong.MaxValue - (ulong)_random.Next(1000)).ToString(CultureInfo.InvariantCulture);
        var edge = (Int128.One << bits) + _random.Next(-2, 3);
        var value = _random.Next(3) switch
        {
            0 => edge,
            1 => -edge,
            _ => _random.NextInt64(long.MinValue, long.MaxValue) >> bits,
        };
        return Int128.Clamp(value, long.MinValue, ulong.MaxValue).ToString(CultureInfo.InvariantCulture);
    }

    private string Double()
    {
        var value = _random.Next(3) == 0 ? Doubles[_random.Next(Doubles.Length)] : BitConverter.Int64BitsToDouble(_random.NextInt64(long.MinValue, long.MaxValue));
        // Of the many bit patterns that are no number, each language keeps its own.
        var bits = double.IsNaN(value) ? 0x7ff8_0000_0000_0000 : BitConverter.DoubleToUInt64Bits(value);
        return bits.ToString("x16", CultureInfo.InvariantCulture);
    }

    private string Single()
    {
        var value = BitConverter.Int32BitsToSingle(_random.Next(int.MinValue, int.MaxValue));
        var bits = float.IsNaN(value) ? 0x7fc0_0000 : BitConverter.SingleToUInt32Bits(value);
        return bits.ToString("x8", CultureInfo.InvariantCulture);
    }

    private string Text()
    {
        if (_random.Next(3) == 0)
            return Texts[_random.Next(_random.Next(50) == 0 ? Texts.Length : Texts.Length - 1)];
        var text = new StringBuilder();
        for (var length = _random.Next(40); length > 0; length--)
        {
            var code = _random.Next(4) == 0 ? _random.Next(0x110000) : _random.Next(0x20, 0x7f);
            text.Append(Rune.IsValid(code) ? new Rune(code).ToString() : "?");
        }
        return text.ToString();
    }

    private string Bytes()
    {
        var bytes = new byte[_random.Next(20) == 0 ? Lengths[_random.Next(Lengths.Length)] : _random.Next(20)];
        _random.NextBytes(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    private long Second() =>
        _random.Next(3) == 0 ? Seconds[_random.Next(Seconds.Length)] : _random.NextInt64(FirstSecond, LastSecond) >> _random.Next(20);
}
