using System.Buffers;
using System.Text;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

public sealed class MessagePackWriterTests
{
    [Theory]
    [InlineData(0, "00")]
    [InlineData(127, "7f")]
    [InlineData(128, "cc80")]
    [InlineData(255, "ccff")]
    [InlineData(256, "cd0100")]
    [InlineData(65_535, "cdffff")]
    [InlineData(65_536, "ce00010000")]
    [InlineData(int.MaxValue, "ce7fffffff")]
    [InlineData(uint.MaxValue, "ceffffffff")]
    [InlineData(uint.MaxValue + 1L, "cf0000000100000000")]
    [InlineData(long.MaxValue, "cf7fffffffffffffff")]
    [InlineData(-1, "ff")]
    [InlineData(-32, "e0")]
    [InlineData(-33, "d0df")]
    [InlineData(-128, "d080")]
    [InlineData(-129, "d1ff7f")]
    [InlineData(-32_768, "d18000")]
    [InlineData(-32_769, "d2ffff7fff")]
    [InlineData(int.MinValue, "d280000000")]
    [InlineData(int.MinValue - 1L, "d3ffffffff7fffffff")]
    [InlineData(long.MinValue, "d38000000000000000")]
    public void An_integer_has_the_smallest_encoding_whatever_its_type(long value, string expected)
    {
        Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write(value)));
        if (value >= 0)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((ulong)value)));
        if (value is >= int.MinValue and <= int.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((int)value)));
        if (value is >= uint.MinValue and <= uint.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((uint)value)));
        if (value is >= short.MinValue and <= short.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((short)value)));
        if (value is >= ushort.MinValue and <= ushort.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((ushort)value)));
        if (value is >= char.MinValue and <= char.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((char)value)));
        if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((sbyte)value)));
        if (value is >= byte.MinValue and <= byte.MaxValue)
            Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write((byte)value)));
    }

    [Fact]
    public void The_largest_integer_is_written() =>
        Assert.Equal("cfffffffffffffffff", Encoded.Hex((ref writer) => writer.Write(ulong.MaxValue)));

    [Theory]
    [InlineData('a')]
    [InlineData('ä')]
    [InlineData('€')]
    public void Text_of_every_length_has_the_smallest_head(char character)
    {
        int[] lengths = [.. Enumerable.Range(0, 300), 682, 683, 2047, 2048, 2049, 21_845, 21_846, 32_767, 32_768, 65_535, 65_536, 100_000];
        foreach (var length in lengths)
        {
            var text = new string(character, length);
            var utf8 = Encoding.UTF8.GetBytes(text);
            byte[] head = utf8.Length switch
            {
                <= 31 => [(byte)(0xa0 | utf8.Length)],
                <= 255 => [0xd9, (byte)utf8.Length],
                <= 65_535 => [0xda, (byte)(utf8.Length >> 8), (byte)utf8.Length],
                _ => [0xdb, 0, (byte)(utf8.Length >> 16), (byte)(utf8.Length >> 8), (byte)utf8.Length],
            };
            byte[] expected = [.. head, .. utf8];
            Assert.Equal(expected, Encoded.By((ref writer) => writer.Write(text)));
            Assert.Equal(expected, Encoded.By((ref writer) => writer.WriteUtf8(utf8)));
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(3000)]
    public void Half_of_a_surrogate_pair_is_replaced(int length)
    {
        var text = new string('\ud83d', length);
        var expected = Encoding.UTF8.GetBytes(text);
        Assert.Equal(expected, Encoded.By((ref writer) => writer.Write(text))[^expected.Length..]);
        Assert.Equal(3 * length, expected.Length);
    }

    [Fact]
    public void Long_text_is_not_broken_within_a_character()
    {
        for (var shift = 0; shift < 8; shift++)
        {
            var text = new string('x', shift) + string.Concat(Enumerable.Repeat("🚀é€", 2000));
            Assert.Equal(Encoding.UTF8.GetBytes(text), Encoded.By((ref writer) => writer.Write(text))[3..]);
        }
    }

    [Fact]
    public void Null_is_nil()
    {
        Assert.Equal("c0", Encoded.Hex((ref writer) => writer.Write((string?)null)));
        Assert.Equal("c0", Encoded.Hex((ref writer) => writer.WriteNil()));
    }

    [Fact]
    public void A_local_time_is_converted_and_one_of_no_kind_is_taken_for_UTC()
    {
        var utc = new DateTime(2024, 2, 29, 12, 30, 0, DateTimeKind.Utc);
        var expected = Encoded.Hex((ref writer) => writer.Write(utc));
        Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write(utc.ToLocalTime())));
        Assert.Equal(expected, Encoded.Hex((ref writer) => writer.Write(DateTime.SpecifyKind(utc, DateTimeKind.Unspecified))));
    }

    [Fact]
    public void A_negative_count_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Encoded.By((ref writer) => writer.WriteArrayHeader(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Encoded.By((ref writer) => writer.WriteMapHeader(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Encoded.By((ref writer) => writer.WriteExtensionHeader(1, -1)));
    }

    [Fact]
    public void What_is_too_deep_is_refused_by_the_writer_as_by_every_reader()
    {
        IMessageFormatter<object?> endless = new EndlessFormatter();
        var error = Assert.Throws<ClusterMessageException>(() => Encoded.By(endless, null));
        Assert.Contains("64", error.Message, StringComparison.Ordinal);
        Assert.Contains("refers to itself", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    public void An_output_may_give_no_more_than_it_must(int more)
    {
        var output = new TightOutput(more);
        var writer = new MessagePackWriter(output);
        WriteOfAll(ref writer);
        writer.Flush();
        Assert.Equal(Encoded.By(WriteOfAll), output.Written);
    }

    [Fact]
    public void An_output_that_gives_less_than_it_must_is_named() =>
        Assert.Contains(nameof(TightOutput), Assert.Throws<InvalidOperationException>(() =>
        {
            var writer = new MessagePackWriter(new TightOutput(-1));
            writer.WriteRaw(new byte[256]);
        }).Message, StringComparison.Ordinal);

    [Fact]
    public void Writing_allocates_nothing()
    {
        var output = new ArrayBufferWriter<byte>(1 << 20);
        for (var i = 0; i < 3; i++)
            WriteOnce();
        var before = GC.GetAllocatedBytesForCurrentThread();
        WriteOnce();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void WriteOnce()
        {
            var writer = new MessagePackWriter(output);
            WriteOfAll(ref writer);
            writer.Flush();
        }
    }

    private static readonly string LongText = new('ü', 5000);
    private static readonly byte[] LongBytes = new byte[70_000];

    private static void WriteOfAll(ref MessagePackWriter writer)
    {
        writer.WriteArrayHeader(70_000);
        writer.WriteMapHeader(16);
        for (var i = -200; i < 200; i++)
            writer.Write(i * 1000L);
        writer.Write(ulong.MaxValue);
        writer.Write(1.5f);
        writer.Write(1.5);
        writer.Write("text");
        writer.Write(LongText);
        writer.Write(LongBytes);
        writer.WriteExtension(7, LongBytes.AsSpan(0, 300));
        writer.Write(DateTime.MaxValue);
        writer.WriteRaw([0xc0]);
    }

    private sealed class EndlessFormatter : IMessageFormatter<object?>
    {
        public void Write(ref MessagePackWriter writer, in object? value) =>
            new ArrayFormatter<object?>(this).Write(ref writer, [value]);

        public object? Read(ref MessagePackReader reader) => throw new NotSupportedException();
    }

    private sealed class TightOutput(int more) : IBufferWriter<byte>
    {
        private readonly List<byte> _written = [];
        private byte[] _buffer = [];

        public byte[] Written => [.. _written];

        public void Advance(int count) => _written.AddRange(_buffer.AsSpan(0, count));

        public Memory<byte> GetMemory(int sizeHint = 0) => _buffer = new byte[sizeHint + more];

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
