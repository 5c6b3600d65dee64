using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

public sealed class MessagePackReaderTests
{
    [Theory]
    [InlineData("05", 5)]
    [InlineData("cc05", 5)]
    [InlineData("cd0005", 5)]
    [InlineData("ce00000005", 5)]
    [InlineData("cf0000000000000005", 5)]
    [InlineData("d005", 5)]
    [InlineData("d10005", 5)]
    [InlineData("d200000005", 5)]
    [InlineData("d30000000000000005", 5)]
    public void A_positive_integer_may_be_longer_than_it_must(string hex, int expected)
    {
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadByte(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadSByte(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadInt16(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadUInt16(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadInt32(), hex));
        Assert.Equal((uint)expected, Encoded.Decode((ref reader) => reader.ReadUInt32(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadInt64(), hex));
        Assert.Equal((ulong)expected, Encoded.Decode((ref reader) => reader.ReadUInt64(), hex));
        Assert.Equal((char)expected, Encoded.Decode((ref reader) => reader.ReadChar(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadSingle(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadDouble(), hex));
        Assert.Equal(MessagePackType.Integer, NextType(hex));
    }

    [Theory]
    [InlineData("fb")]
    [InlineData("d0fb")]
    [InlineData("d1fffb")]
    [InlineData("d2fffffffb")]
    [InlineData("d3fffffffffffffffb")]
    public void A_negative_integer_may_be_longer_than_it_must_and_fits_no_unsigned_type(string hex)
    {
        Assert.Equal(-5, Encoded.Decode((ref reader) => reader.ReadSByte(), hex));
        Assert.Equal(-5, Encoded.Decode((ref reader) => reader.ReadInt16(), hex));
        Assert.Equal(-5, Encoded.Decode((ref reader) => reader.ReadInt32(), hex));
        Assert.Equal(-5, Encoded.Decode((ref reader) => reader.ReadInt64(), hex));
        Assert.Equal(-5, Encoded.Decode((ref reader) => reader.ReadSingle(), hex));
        Assert.Equal(-5, Encoded.Decode((ref reader) => reader.ReadDouble(), hex));
        Encoded.Fail((ref reader) => reader.ReadByte(), hex);
        Encoded.Fail((ref reader) => reader.ReadUInt16(), hex);
        Encoded.Fail((ref reader) => reader.ReadUInt32(), hex);
        Encoded.Fail((ref reader) => reader.ReadUInt64(), hex);
        Encoded.Fail((ref reader) => reader.ReadChar(), hex);
    }

    [Fact]
    public void An_integer_that_does_not_fit_is_refused()
    {
        Encoded.Fail((ref reader) => reader.ReadByte(), "cd0100");
        Encoded.Fail((ref reader) => reader.ReadSByte(), "cc80");
        Encoded.Fail((ref reader) => reader.ReadSByte(), "d1ff7f");
        Encoded.Fail((ref reader) => reader.ReadInt16(), "cd8000");
        Encoded.Fail((ref reader) => reader.ReadInt16(), "d2ffff7fff");
        Encoded.Fail((ref reader) => reader.ReadUInt16(), "ce00010000");
        Encoded.Fail((ref reader) => reader.ReadChar(), "ce00010000");
        Encoded.Fail((ref reader) => reader.ReadInt32(), "ce80000000");
        Encoded.Fail((ref reader) => reader.ReadInt32(), "d3ffffffff7fffffff");
        Encoded.Fail((ref reader) => reader.ReadInt32(), "cf8000000000000000");
        Encoded.Fail((ref reader) => reader.ReadUInt32(), "cf0000000100000000");
        Encoded.Fail((ref reader) => reader.ReadInt64(), "cf8000000000000000");
        Assert.Equal(1UL << 63, Encoded.Decode((ref reader) => reader.ReadUInt64(), "cf8000000000000000"));
    }

    [Fact]
    public void A_float_is_no_integer()
    {
        Encoded.Fail((ref reader) => reader.ReadInt32(), "ca3f800000");
        Encoded.Fail((ref reader) => reader.ReadUInt64(), "cb3ff0000000000000");
    }

    [Fact]
    public void A_number_is_read_from_floats_of_both_sizes()
    {
        Assert.Equal(1.5f, Encoded.Decode((ref reader) => reader.ReadSingle(), "cb3ff8000000000000"));
        Assert.Equal(1.5, Encoded.Decode((ref reader) => reader.ReadDouble(), "ca3fc00000"));
        Assert.Equal(18446744073709551615.0, Encoded.Decode((ref reader) => reader.ReadDouble(), "cfffffffffffffffff"));
        Assert.Equal(float.PositiveInfinity, Encoded.Decode((ref reader) => reader.ReadSingle(), "cb7ff0000000000000"));
        Assert.True(float.IsNaN(Encoded.Decode((ref reader) => reader.ReadSingle(), "cb7ff8000000000000")));
        Assert.True(double.IsNegative(Encoded.Decode((ref reader) => reader.ReadDouble(), "ca80000000")));
        Encoded.Fail((ref reader) => reader.ReadSingle(), "cb7e37e43c8800759c");
        Encoded.Fail((ref reader) => reader.ReadDouble(), "a131");
        Encoded.Fail((ref reader) => reader.ReadDouble(), "c3");
    }

    [Theory]
    [InlineData("a3616263")]
    [InlineData("d903616263")]
    [InlineData("da0003616263")]
    [InlineData("db00000003616263")]
    public void Text_may_have_a_longer_head_than_it_must(string hex)
    {
        Assert.Equal("abc", Encoded.Decode((ref reader) => reader.ReadString(), hex));
        Assert.Equal("abc"u8.ToArray(), Encoded.Decode((ref reader) => reader.ReadUtf8().ToArray(), hex));
    }

    [Theory]
    [InlineData("c403010203")]
    [InlineData("c50003010203")]
    [InlineData("c600000003010203")]
    public void Binary_data_may_have_a_longer_head_than_it_must(string hex)
    {
        byte[] expected = [1, 2, 3];
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadBinary().ToArray(), hex));
        Assert.Equal(expected, Encoded.Decode((ref reader) => reader.ReadBytes(), hex));
    }

    [Theory]
    [InlineData("91c0")]
    [InlineData("dc0001c0")]
    [InlineData("dd00000001c0")]
    public void An_array_may_have_a_longer_head_than_it_must(string hex) =>
        Assert.Null(Assert.Single(Encoded.Decode(new ListFormatter<string?>(StringFormatter.Instance), hex)!));

    [Theory]
    [InlineData("8101c0")]
    [InlineData("de000101c0")]
    [InlineData("df0000000101c0")]
    public void A_map_may_have_a_longer_head_than_it_must(string hex) =>
        Assert.Equal(1, Assert.Single(
            Encoded.Decode(new DictionaryFormatter<int, string?>(Int32Formatter.Instance, StringFormatter.Instance), hex)!).Key);

    [Theory]
    [InlineData("d6ff00000000", 0)]
    [InlineData("c704ff00000000", 0)]
    [InlineData("d7ff0000000000000000", 0)]
    [InlineData("c708ff0000000000000000", 0)]
    [InlineData("c70cff000000000000000000000000", 0)]
    [InlineData("c8000cff000000000000000000000000", 0)]
    [InlineData("c90000000cff000000000000000000000000", 0)]
    [InlineData("c70cff00000063ffffffffffffffff", -TimeSpan.TicksPerSecond)] // 99 ns are less than a tick
    [InlineData("c70cff3b9ac9ffffffffffffffffff", -1)]
    public void A_timestamp_may_be_longer_than_it_must(string hex, long ticks)
    {
        var time = Encoded.Decode((ref reader) => reader.ReadDateTime(), hex);
        Assert.Equal(DateTime.UnixEpoch.AddTicks(ticks), time);
        Assert.Equal(DateTimeKind.Utc, time.Kind);
    }

    [Theory]
    [InlineData("d7ffee6b280000000000")] // 1,000,000,000 ns
    [InlineData("c70cff3b9aca000000000000000000")] // the same
    [InlineData("c70cff000000003afff44180000000")] // far beyond the year 9999
    [InlineData("c70cff000000000000003afff44180")] // the year 10000
    [InlineData("c70cff00000000fffffff1886e08ff")] // the year 0
    [InlineData("c70cff000000008000000000000000")]
    [InlineData("c70cff000000007fffffffffffffff")]
    [InlineData("c705ff0000000000")]
    [InlineData("d4ff00")]
    [InlineData("d60100000000")] // another extension
    [InlineData("00")]
    [InlineData("c0")]
    public void What_is_no_time_is_refused(string hex) =>
        Assert.Equal(0, Encoded.Fail((ref reader) => reader.ReadDateTime(), hex).Offset);

    [Fact]
    public void The_kind_of_every_first_byte_is_known_but_of_the_one_that_is_never_used()
    {
        for (var code = 0; code <= 255; code++)
        {
            if (code == 0xc1)
            {
                var error = Encoded.Fail((ref reader) => reader.NextType, "c1");
                Assert.Contains("0xc1", error.Message, StringComparison.Ordinal);
                Encoded.Fail((ref reader) => Skip(ref reader), "c1");
                continue;
            }
            var expected = code switch
            {
                < 0x80 or >= 0xe0 or (>= 0xcc and <= 0xd3) => MessagePackType.Integer,
                < 0x90 or 0xde or 0xdf => MessagePackType.Map,
                < 0xa0 or 0xdc or 0xdd => MessagePackType.Array,
                < 0xc0 or 0xd9 or 0xda or 0xdb => MessagePackType.String,
                0xc0 => MessagePackType.Nil,
                0xc2 or 0xc3 => MessagePackType.Boolean,
                0xca or 0xcb => MessagePackType.Float,
                0xc4 or 0xc5 or 0xc6 => MessagePackType.Binary,
                _ => MessagePackType.Extension,
            };
            Assert.Equal(expected, NextType($"{code:x2}"));
        }
    }

    [Theory]
    [InlineData("80")]
    [InlineData("c3c0")]
    [InlineData("e08080")]
    [InlineData("eda080")]
    [InlineData("f4908080")]
    [InlineData("ff")]
    [InlineData("c3")]
    public void Text_that_is_not_UTF_8_is_refused(string bytes)
    {
        var length = bytes.Length / 2;
        Encoded.Fail((ref reader) => reader.ReadString(), $"{0xa0 | length:x2}{bytes}");
        var longText = string.Concat(Enumerable.Repeat("61", 300)) + bytes;
        Encoded.Fail((ref reader) => reader.ReadString(), $"da{300 + length:x4}{longText}");
    }

    [Fact]
    public void Text_of_every_length_is_read()
    {
        foreach (var length in Enumerable.Range(0, 300).Append(5000))
        {
            foreach (var character in "aé€")
            {
                var text = new string(character, length);
                Assert.Equal(text, Encoded.Decode(StringFormatter.Instance, Encoded.By(StringFormatter.Instance, text)));
            }
        }
    }

    [Fact]
    public void An_error_says_what_was_expected_what_was_found_and_where()
    {
        var error = Encoded.Fail(
            (ref reader) =>
            {
                reader.ReadArrayHeader();
                reader.ReadInt32();
                return reader.ReadString();
            },
            "9301cb3ff0000000000000c0");
        Assert.Equal("A message is not what its reader expects: expected text, found a float 64 (0xcb) at offset 2.", error.Message);
        Assert.Equal(2, error.Offset);
        Assert.IsAssignableFrom<ClusterException>(error);
    }

    [Theory]
    [InlineData("dd7fffffff")]
    [InlineData("ddffffffff00")]
    [InlineData("dcffff00")]
    [InlineData("9200")]
    public void An_array_that_the_data_cannot_hold_is_refused_at_its_head(string hex) =>
        Encoded.Fail((ref reader) => reader.ReadArrayHeader(), hex);

    [Theory]
    [InlineData("df7fffffff")]
    [InlineData("dfffffffff00")]
    [InlineData("df8000000000")]
    [InlineData("deffff00")]
    [InlineData("8100")]
    public void A_map_that_the_data_cannot_hold_is_refused_at_its_head(string hex) =>
        Encoded.Fail((ref reader) => reader.ReadMapHeader(), hex);

    [Fact]
    public void Arrays_cannot_together_claim_more_values_than_the_data_has_bytes()
    {
        // Each of the arrays fits in what follows it, all of them do not: only the innermost has what it says.
        var data = new byte[10_000];
        for (var i = 0; i < 20; i++)
            (data[i * 3], data[(i * 3) + 1], data[(i * 3) + 2]) = (0xdc, 0x20, 0x00);
        var error = Assert.Throws<MessageFormatException>(() =>
        {
            var reader = new MessagePackReader(data);
            reader.ReadArrayHeader();
            reader.ReadArrayHeader();
        });
        Assert.Equal(3, error.Offset);
    }

    [Theory]
    [InlineData("a461")]
    [InlineData("db7fffffff61")]
    [InlineData("dbffffffff61")]
    public void Text_that_is_cut_off_is_refused(string hex) => Encoded.Fail((ref reader) => reader.ReadString(), hex);

    [Theory]
    [InlineData("c40261")]
    [InlineData("c67fffffff61")]
    [InlineData("c6ffffffff61")]
    public void Binary_data_that_is_cut_off_is_refused(string hex) => Encoded.Fail((ref reader) => reader.ReadBytes(), hex);

    [Theory]
    [InlineData("d501aa")]
    [InlineData("d4")]
    [InlineData("c7ff01aa")]
    [InlineData("c9ffffffff01aa")]
    [InlineData("c97fffffff01aa")]
    public void An_extension_that_is_cut_off_is_refused_at_its_head(string hex) =>
        Encoded.Fail((ref reader) => reader.ReadExtensionHeader(out _), hex);

    [Theory]
    [InlineData("d401aa", 1, "aa")]
    [InlineData("c70101aa", 1, "aa")]
    [InlineData("c8000101aa", 1, "aa")]
    [InlineData("c90000000101aa", 1, "aa")]
    [InlineData("c7007f", 127, "")]
    [InlineData("c70380aabbcc", -128, "aabbcc")]
    public void An_extension_is_read_with_its_type(string hex, sbyte type, string data)
    {
        var (actualType, actualData) = Encoded.Decode(
            (ref reader) =>
            {
                var bytes = Convert.ToHexStringLower(reader.ReadExtension(out var actual));
                return (actual, bytes);
            },
            hex);
        Assert.Equal((type, data), (actualType, actualData));
    }

    [Fact]
    public void Values_within_one_another_are_counted()
    {
        var deep = string.Concat(Enumerable.Repeat("91", 64)) + "c0";
        Encoded.Decode((ref reader) => Skip(ref reader), deep);
        var error = Encoded.Fail((ref reader) => Skip(ref reader), "91" + deep);
        Assert.Contains("64", error.Message, StringComparison.Ordinal);
        Encoded.Fail((ref reader) => Skip(ref reader), string.Concat(Enumerable.Repeat("81c0", 100_000)) + "c0");

        IMessageFormatter<List<int>?> flat = new ListFormatter<int>(Int32Formatter.Instance);
        var nested = new ListFormatter<List<int>?>(flat);
        Assert.Throws<MessageFormatException>(() =>
        {
            var reader = new MessagePackReader([0x91, 0x91, 0x01], maxDepth: 1);
            nested.Read(ref reader);
        });
    }

    [Fact]
    public void Whatever_comes_is_skipped()
    {
        foreach (var hex in new[]
        {
            "00", "ff", "c0", "c2", "c3", "cc01", "cd0001", "ce00000001", "cf0000000000000001", "d001", "d10001", "d200000001",
            "d30000000000000001", "ca00000000", "cb0000000000000000", "a161", "d90161", "da000161", "db0000000161", "c40161", "c5000161",
            "c60000000161", "d40101", "d5010101", "c7000f", "c800010f01", "c9000000010f01", "93010203", "dc000101", "dd0000000101",
            "820102039101", "de00010102", "df000000010102", "90", "80",
        })
        {
            Encoded.Decode((ref reader) => Skip(ref reader), hex);
        }
    }

    [Fact]
    public void Nil_is_taken_only_where_it_comes()
    {
        Assert.Null(Encoded.Decode((ref reader) => reader.ReadString(), "c0"));
        Assert.Null(Encoded.Decode((ref reader) => reader.ReadBytes(), "c0"));
        Encoded.Fail((ref reader) => reader.ReadUtf8().Length, "c0");
        Encoded.Fail((ref reader) => reader.ReadBinary().Length, "c0");
        Encoded.Fail((ref reader) => reader.ReadInt32(), "c0");
        Encoded.Fail((ref reader) => reader.ReadBoolean(), "c0");
        Encoded.Fail((ref reader) => reader.ReadArrayHeader(), "c0");
        Assert.False(Encoded.Decode((ref reader) => reader.TryReadNil() || reader.ReadBoolean(), "c2"));
        Encoded.Fail((ref reader) => reader.TryReadNil(), "");
    }

    private static MessagePackType NextType(string hex) => new MessagePackReader(Convert.FromHexString(hex)).NextType;

    private static bool Skip(ref MessagePackReader reader)
    {
        reader.Skip();
        return true;
    }
}
