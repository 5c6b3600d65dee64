using System.Globalization;
using System.Numerics;
using System.Text;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

public sealed class ScalarFormatterTests
{
    [Fact]
    public void Every_value_is_read_as_it_was_written()
    {
        RoundTrip(BooleanFormatter.Instance, true, false);
        RoundTrip(ByteFormatter.Instance, byte.MinValue, (byte)127, (byte)128, byte.MaxValue);
        RoundTrip(SByteFormatter.Instance, sbyte.MinValue, (sbyte)-33, (sbyte)-32, (sbyte)-1, (sbyte)0, sbyte.MaxValue);
        RoundTrip(Int16Formatter.Instance, short.MinValue, (short)-129, (short)-128, (short)0, (short)255, (short)256, short.MaxValue);
        RoundTrip(UInt16Formatter.Instance, ushort.MinValue, (ushort)256, ushort.MaxValue);
        RoundTrip(Int32Formatter.Instance, int.MinValue, -32_769, -1, 0, 65_536, int.MaxValue);
        RoundTrip(UInt32Formatter.Instance, 0u, 65_536u, uint.MaxValue);
        RoundTrip(Int64Formatter.Instance, long.MinValue, int.MinValue - 1L, 0, uint.MaxValue + 1L, long.MaxValue);
        RoundTrip(UInt64Formatter.Instance, 0UL, 1UL << 63, ulong.MaxValue);
        RoundTrip(CharFormatter.Instance, '\0', 'x', '\ud800', char.MaxValue);
        RoundTrip(RuneFormatter.Instance, new Rune('a'), new Rune(0x1f680), new Rune(0x10ffff));
        RoundTrip(StringFormatter.Instance, null, "", "a\0b", "größer 🚀");
        RoundTrip(GuidFormatter.Instance, Guid.Empty, Guid.NewGuid(), Guid.AllBitsSet);
        RoundTrip(DecimalFormatter.Instance, decimal.MinValue, decimal.MaxValue, 0m, -0.0000000000000000000000000001m, 1m, 12.3m);
        RoundTrip(Int128Formatter.Instance, Int128.MinValue, Int128.Zero, Int128.MaxValue);
        RoundTrip(UInt128Formatter.Instance, UInt128.MinValue, UInt128.MaxValue);
        RoundTrip(BigIntegerFormatter.Instance, BigInteger.Zero, BigInteger.MinusOne, BigInteger.Pow(10, 9_999), -BigInteger.Pow(7, 11_000));
        RoundTrip(UriFormatter.Instance, null, new Uri("https://example.com/ä?q=%20#x"), new Uri("../a b", UriKind.Relative));
        RoundTrip(VersionFormatter.Instance, null, new Version(1, 2), new Version(1, 2, 3), new Version(int.MaxValue, 0, 0, 4));
        RoundTrip(DateOnlyFormatter.Instance, DateOnly.MinValue, new DateOnly(2024, 2, 29), DateOnly.MaxValue);
        RoundTrip(TimeOnlyFormatter.Instance, TimeOnly.MinValue, new TimeOnly(1), TimeOnly.MaxValue);
        RoundTrip(TimeSpanFormatter.Instance, TimeSpan.MinValue, new TimeSpan(-1), TimeSpan.Zero, TimeSpan.MaxValue);
        RoundTrip(ByteArrayFormatter.Instance, null, [], [1, 2, 3], new byte[70_000]);
        RoundTrip(new NullableFormatter<int>(Int32Formatter.Instance), null, 0, int.MinValue);
    }

    [Fact]
    public void A_float_keeps_all_its_bits()
    {
        foreach (var value in new[] { 0.0, -0.0, double.Epsilon, double.MinValue, double.MaxValue, double.NaN, double.NegativeInfinity, 0.1 })
        {
            AssertBits(value, Encoded.Decode(DoubleFormatter.Instance, Encoded.By(DoubleFormatter.Instance, value)));
            AssertBits((float)value, Encoded.Decode(SingleFormatter.Instance, Encoded.By(SingleFormatter.Instance, (float)value)));
            AssertBits((double)(Half)value, (double)Encoded.Decode(HalfFormatter.Instance, Encoded.By(HalfFormatter.Instance, (Half)value)));
        }

        static void AssertBits(double expected, double actual) =>
            Assert.Equal(BitConverter.DoubleToUInt64Bits(expected), BitConverter.DoubleToUInt64Bits(actual));
    }

    [Fact]
    public void A_time_keeps_its_100_nanoseconds_over_all_years()
    {
        var random = new Random(1);
        for (var i = 0; i < 10_000; i++)
            RoundTripTime(new DateTime(random.NextInt64(DateTime.MaxValue.Ticks + 1), DateTimeKind.Utc));
        foreach (var edge in new[] { DateTime.UnixEpoch, DateTime.UnixEpoch.AddSeconds(uint.MaxValue), DateTime.UnixEpoch.AddSeconds(1L << 34) })
        {
            for (var ticks = -TimeSpan.TicksPerSecond; ticks <= TimeSpan.TicksPerSecond; ticks += TimeSpan.TicksPerSecond / 2)
            {
                for (var near = -1; near <= 1; near++)
                    RoundTripTime(edge.AddTicks(ticks + near));
            }
        }
        RoundTripTime(DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc));
        RoundTripTime(DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc));

        static void RoundTripTime(DateTime time)
        {
            var read = Encoded.Decode(DateTimeFormatter.Instance, Encoded.By(DateTimeFormatter.Instance, time));
            Assert.Equal(time, read);
            Assert.Equal(DateTimeKind.Utc, read.Kind);
        }
    }

    [Fact]
    public void A_time_keeps_its_offset()
    {
        foreach (var time in new[]
        {
            DateTimeOffset.MinValue, DateTimeOffset.MaxValue, DateTimeOffset.UnixEpoch,
            new DateTimeOffset(2024, 12, 31, 23, 59, 59, TimeSpan.FromMinutes(345)),
            new DateTimeOffset(1, 1, 1, 14, 0, 0, TimeSpan.FromHours(14)),
            new DateTimeOffset(9999, 12, 31, 9, 59, 59, TimeSpan.FromHours(-14)),
        })
        {
            var read = Encoded.Decode(DateTimeOffsetFormatter.Instance, Encoded.By(DateTimeOffsetFormatter.Instance, time));
            Assert.Equal(time, read);
            Assert.Equal(time.Offset, read.Offset);
        }
    }

    [Fact]
    public void The_bytes_are_the_documented_ones()
    {
        Assert.Equal(
            "c41000112233445566778899aabbccddeeff",
            Encoded.Hex(GuidFormatter.Instance, Guid.Parse("00112233-4455-6677-8899-aabbccddeeff")));
        Assert.Equal("a62d31322e3530", Encoded.Hex(DecimalFormatter.Instance, -12.50m));
        Assert.Equal("12.50", Encoded.Decode(DecimalFormatter.Instance, "a531322e3530").ToString(CultureInfo.InvariantCulture));
        Assert.Equal("a131", Encoded.Hex(Int128Formatter.Instance, Int128.One));
        Assert.Equal("a131", Encoded.Hex(BigIntegerFormatter.Instance, BigInteger.One));
        Assert.Equal("ca3fc00000", Encoded.Hex(HalfFormatter.Instance, (Half)1.5));
        Assert.Equal("61", Encoded.Hex(CharFormatter.Instance, 'a'));
        Assert.Equal("ce0001f680", Encoded.Hex(RuneFormatter.Instance, new Rune(0x1f680)));
        Assert.Equal("00", Encoded.Hex(DateOnlyFormatter.Instance, DateOnly.MinValue));
        Assert.Equal("0a", Encoded.Hex(TimeSpanFormatter.Instance, new TimeSpan(10)));
        Assert.Equal("0a", Encoded.Hex(TimeOnlyFormatter.Instance, new TimeOnly(10)));
        Assert.Equal("a3312e32", Encoded.Hex(VersionFormatter.Instance, new Version(1, 2)));
        Assert.Equal("92d6ff0000000ad088", Encoded.Hex(
            DateTimeOffsetFormatter.Instance, DateTimeOffset.UnixEpoch.AddSeconds(10).ToOffset(TimeSpan.FromHours(-2))));
        Assert.Equal("c403010203", Encoded.Hex(MemoryOfByteFormatter.Instance, new byte[] { 1, 2, 3 }));
        Assert.Equal("c403010203", Encoded.Hex(ReadOnlyMemoryOfByteFormatter.Instance, new byte[] { 1, 2, 3 }));
        Assert.Equal("c40102", Encoded.Hex(ArraySegmentOfByteFormatter.Instance, new ArraySegment<byte>([1, 2, 3], 1, 1)));
        Assert.Equal("c0", Encoded.Hex(ArraySegmentOfByteFormatter.Instance, default));
    }

    [Fact]
    public void Memory_of_bytes_is_read()
    {
        byte[] expected = [1, 2, 3];
        Assert.Equal(expected, Encoded.Decode(MemoryOfByteFormatter.Instance, "c403010203").ToArray());
        Assert.Equal(expected, Encoded.Decode(ReadOnlyMemoryOfByteFormatter.Instance, "c403010203").ToArray());
        Assert.Equal(expected, Encoded.Decode(ArraySegmentOfByteFormatter.Instance, "c403010203").ToArray());
        Assert.True(Encoded.Decode(MemoryOfByteFormatter.Instance, "c0").IsEmpty);
        Assert.Null(Encoded.Decode(ArraySegmentOfByteFormatter.Instance, "c0").Array);
    }

    [Fact]
    public void What_is_no_value_of_the_type_is_refused()
    {
        Refuse(RuneFormatter.Instance, "cdd800", "ce00110000", "ff");
        Refuse(HalfFormatter.Instance, "ca47800000", "ce00020000");
        Refuse(GuidFormatter.Instance, "c400", "c40f000000000000000000000000000000", "c0");
        Refuse(DecimalFormatter.Instance, "a0", "a178", "a3316532", "a220" + "31", "05", "bd" + string.Concat(Enumerable.Repeat("39", 29)));
        Refuse(Int128Formatter.Instance, "a0", "a3312e30", "d928" + string.Concat(Enumerable.Repeat("39", 40)));
        Refuse(UInt128Formatter.Instance, "a22d31", "a1ff");
        Refuse(BigIntegerFormatter.Instance, "a0", "a3312c31", "a2c3a4", "da2711" + string.Concat(Enumerable.Repeat("31", 10_001)));
        Refuse(UriFormatter.Instance, "a8687474703a2f2f5b", "01");
        Refuse(VersionFormatter.Instance, "a0", "a131", "a42d312e31", "a3ff2e31");
        Refuse(DateOnlyFormatter.Instance, "ff", "ce0037b9db");
        Refuse(TimeOnlyFormatter.Instance, "ff", "cf000000c92a69c000");
        Refuse(DateTimeOffsetFormatter.Instance, "91d6ff00000000", "92d6ff00000000cd0349", "92d6ff00000000d1fcb7", "92d6ff00000000d18000");
        Refuse(DateTimeOffsetFormatter.Instance, "92c70cff00000000fffffff1886e0900ff", "93d6ff000000000000");
        Refuse(EnumFormatter<Small>.Instance, "cd0100", "ff", "a0");
    }

    [Fact]
    public void A_number_of_too_many_digits_is_refused_by_the_writer() =>
        Assert.Throws<ClusterMessageException>(() => Encoded.By(BigIntegerFormatter.Instance, BigInteger.Pow(10, 10_000)));

    [Fact]
    public void An_enumeration_is_its_underlying_integer()
    {
        RoundTrip(EnumFormatter<Small>.Instance, Small.None, Small.All, (Small)7);
        RoundTrip(EnumFormatter<SignedSmall>.Instance, SignedSmall.Least, (SignedSmall)1);
        RoundTrip(EnumFormatter<Short>.Instance, Short.Least, (Short)1);
        RoundTrip(EnumFormatter<UnsignedShort>.Instance, UnsignedShort.Most);
        RoundTrip(EnumFormatter<DayOfWeek>.Instance, DayOfWeek.Saturday, (DayOfWeek)int.MinValue);
        RoundTrip(EnumFormatter<Unsigned>.Instance, Unsigned.Most);
        RoundTrip(EnumFormatter<Long>.Instance, Long.Least);
        RoundTrip(EnumFormatter<UnsignedLong>.Instance, UnsignedLong.Most);
        Assert.Equal("ccff", Encoded.Hex(EnumFormatter<Small>.Instance, Small.All));
        Assert.Equal("d080", Encoded.Hex(EnumFormatter<SignedSmall>.Instance, SignedSmall.Least));
    }

    private static void RoundTrip<T>(IMessageFormatter<T> formatter, params T[] values)
    {
        foreach (var value in values)
            Assert.Equal(value, Encoded.Decode(formatter, Encoded.By(formatter, value)));
    }

    private static void Refuse<T>(IMessageFormatter<T> formatter, params string[] encodings)
    {
        foreach (var hex in encodings)
            Assert.NotEqual("", Encoded.Fail(formatter.Read, hex).Message);
    }

    private enum Small : byte
    {
        None,
        All = byte.MaxValue,
    }

    private enum SignedSmall : sbyte
    {
        Least = sbyte.MinValue,
    }

    private enum Short : short
    {
        Least = short.MinValue,
    }

    private enum UnsignedShort : ushort
    {
        Most = ushort.MaxValue,
    }

    private enum Unsigned : uint
    {
        Most = uint.MaxValue,
    }

    private enum Long : long
    {
        Least = long.MinValue,
    }

    private enum UnsignedLong : ulong
    {
        Most = ulong.MaxValue,
    }
}
