using System.Globalization;
using System.Numerics;
using System.Text;

namespace ProcessCluster.Generators.Tests.Messages;

public sealed class Scalars
{
    [Fact]
    public void Every_scalar_comes_back()
    {
        var sent = AllScalars.Example;
        Assert.Equal(sent, Wire.RoundTrip(sent));
    }

    [Fact]
    public void Every_scalar_comes_back_where_it_may_be_null_and_is_not()
    {
        var example = AllScalars.Example;
        var sent = new NullableScalars
        {
            Boolean = example.Boolean, Int32 = example.Int32, Double = example.Double, Char = example.Char, DateTime = example.DateTime,
            Decimal = example.Decimal, Guid = example.Guid, DayOfWeek = example.DayOfWeek, Text = example.Text, Uri = example.Uri, Bytes = [1, 2],
            Point = new Point(1, 2),
        };
        var read = Wire.RoundTrip(sent);
        Assert.Equal([1, 2], read.Bytes!);
        Assert.Equal(sent with { Bytes = null }, read with { Bytes = null });
    }

    [Fact]
    public void Null_comes_back() => Assert.Equal(new NullableScalars(), Wire.RoundTrip(new NullableScalars()));

    [Theory]
    [InlineData(Small.None)]
    [InlineData(Small.Least)]
    [InlineData((Small)77)]
    public void Enumerations_are_their_integers(Small value)
    {
        Assert.Equal(value, Wire.RoundTrip(new Enumerations(value, [value], null)).Value);
        Assert.Equal([value], Wire.RoundTrip(new Enumerations(value, [value], value)).Values);
        Assert.Equal(value, Wire.RoundTrip(new Enumerations(value, [value], value)).Maybe);
    }

    [Fact]
    public void A_map_has_the_names_of_the_members() =>
        Assert.Equal([0x82, 0xa1, (byte)'X', 0x01, 0xa1, (byte)'Y', 0xff], Wire.Write(new Point(1, -1)));
}

public enum Small : sbyte
{
    None,
    Least = -128,
}

[ClusterMessage]
internal sealed record Enumerations(Small Value, Small[] Values, Small? Maybe);

[ClusterMessage]
public readonly record struct Point(int X, int Y);

[ClusterMessage]
internal sealed record AllScalars(
    bool Boolean, byte Byte, sbyte SByte, short Int16, ushort UInt16, int Int32, uint UInt32, long Int64, ulong UInt64, float Single,
    double Double, char Char, string Text, DateTime DateTime, decimal Decimal, Half Half, Int128 Int128, UInt128 UInt128, BigInteger BigInteger,
    Guid Guid, DateTimeOffset DateTimeOffset, DateOnly DateOnly, TimeOnly TimeOnly, TimeSpan TimeSpan, Uri Uri, Version Version, Rune Rune,
    DayOfWeek DayOfWeek)
{
    public static AllScalars Example { get; } = new(
        true, 200, -100, short.MinValue, ushort.MaxValue, int.MinValue, uint.MaxValue, long.MinValue, ulong.MaxValue, 1.5f,
        Math.PI, 'ä', "Grüße 🎈", new DateTime(2024, 2, 29, 12, 30, 15, DateTimeKind.Utc).AddTicks(1234567), 1.2300m, (Half)0.5, Int128.MinValue,
        UInt128.MaxValue, BigInteger.Parse("123456789012345678901234567890", CultureInfo.InvariantCulture),
        Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), new DateTimeOffset(2024, 1, 2, 3, 4, 5, TimeSpan.FromHours(-3.5)),
        new DateOnly(2024, 2, 29), new TimeOnly(23, 59, 58, 999), TimeSpan.FromDays(-3.25), new Uri("https://example.org/a?b=c"),
        new Version(1, 2, 3, 4), new Rune(0x1F388), DayOfWeek.Thursday);
}

[ClusterMessage]
internal sealed record NullableScalars
{
    public bool? Boolean { get; init; }
    public int? Int32 { get; init; }
    public double? Double { get; init; }
    public char? Char { get; init; }
    public DateTime? DateTime { get; init; }
    public decimal? Decimal { get; init; }
    public Guid? Guid { get; init; }
    public DayOfWeek? DayOfWeek { get; init; }
    public string? Text { get; init; }
    public Uri? Uri { get; init; }
    public byte[]? Bytes { get; init; }
    public Point? Point { get; init; }
}
