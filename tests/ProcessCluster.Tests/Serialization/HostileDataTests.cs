using System.Collections.Immutable;
using System.Numerics;
using System.Text;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

/// <summary>Whatever the bytes are: a value comes out, or <see cref="MessageFormatException"/>, and memory stays in proportion.</summary>
public sealed class HostileDataTests
{
    private const int Seed = 20_240_229;
    private const int Inputs = 120_000;

    // A byte can stand for an empty dictionary, which is the largest object that one byte makes; what an error costs comes on top.
    private const int MaxBytesPerInputByte = 128;
    private const int MaxBytesForAnError = 16_384;

    private static readonly (string Name, Action<byte[]> Read)[] Readers =
    [
        Reader("anything, skipped", new SkipFormatter()),
        Reader("order", OrderFormatter.Instance),
        Reader("strings", new ArrayFormatter<string?>(StringFormatter.Instance)),
        Reader("lists of lists", Nested(Nested(Nested(Int32Formatter.Instance)))),
        Reader("dictionaries", new ListFormatter<Dictionary<string, int>?>(
            new DictionaryFormatter<string, int>(StringFormatter.Instance!, Int32Formatter.Instance))),
        Reader("sorted", new SortedDictionaryFormatter<int, SortedSet<string?>?>(
            Int32Formatter.Instance, new SortedSetFormatter<string?>(StringFormatter.Instance))),
        Reader("immutable", new ImmutableDictionaryFormatter<int, ImmutableArray<double>>(
            Int32Formatter.Instance, new ImmutableArrayFormatter<double>(DoubleFormatter.Instance))),
        Reader("sets", new HashSetFormatter<long>(Int64Formatter.Instance)),
        Reader("times", new ArrayFormatter<DateTimeOffset>(DateTimeOffsetFormatter.Instance)),
        Reader("pairs", new QueueFormatter<KeyValuePair<Guid, TimeOnly?>>(new KeyValuePairFormatter<Guid, TimeOnly?>(
            GuidFormatter.Instance, new NullableFormatter<TimeOnly>(TimeOnlyFormatter.Instance)))),
        Reader("numbers as text", new StackFormatter<BigInteger>(BigIntegerFormatter.Instance)),
        Reader("decimals", new ListFormatter<decimal>(DecimalFormatter.Instance)),
        Reader("addresses", new ListFormatter<Uri?>(UriFormatter.Instance)),
        Reader("versions", new ListFormatter<Version?>(VersionFormatter.Instance)),
        Reader("characters", new MemoryFormatter<Rune>(RuneFormatter.Instance)),
        Reader("days", new ListFormatter<DayOfWeek>(EnumFormatter<DayOfWeek>.Instance)),
    ];

    private static readonly List<(byte[] Input, (string Name, Action<byte[]> Read) Reader)> Valid = ValidInputs();

    [Fact]
    public void Nothing_but_the_format_exception_comes_out_and_memory_stays_in_proportion()
    {
        var random = new Random(Seed);
        var refused = 0;
        for (var i = 0; i < Inputs; i++)
        {
            // Half of them go to the reader that they were made for, which they lead furthest.
            var (valid, reader) = Valid[random.Next(Valid.Count)];
            var input = i % 4 == 0 ? RandomInput(random) : Mutated(random, valid);
            var (name, read) = i % 4 < 2 ? Readers[i / 4 % Readers.Length] : reader;
            if (!IsTaken(name, read, input))
                refused++;
        }
        // If all were refused, or none, the inputs would prove nothing.
        Assert.InRange(refused, Inputs / 20, Inputs - (Inputs / 20));
    }

    [Fact]
    public void Every_reader_gets_every_valid_input_and_all_that_is_cut_off()
    {
        foreach (var (name, read) in Readers)
        {
            foreach (var (input, _) in Valid)
            {
                IsTaken(name, read, input);
                for (var length = 0; length < input.Length; length += 1 + (length / 64))
                    IsTaken(name, read, input[..length]);
            }
        }
    }

    [Fact]
    public void Whatever_is_cut_off_is_refused()
    {
        foreach (var (input, _) in Valid)
        {
            for (var length = 0; length < input.Length; length++)
            {
                var cut = input[..length];
                var error = Assert.Throws<MessageFormatException>(() =>
                {
                    var reader = new MessagePackReader(cut);
                    reader.Skip();
                });
                Assert.InRange(error.Offset, 0, length);
            }
        }
        var order = Encoded.By(OrderFormatter.Instance, Order.Sample());
        for (var length = 0; length < order.Length; length++)
        {
            var cut = order[..length];
            Assert.Throws<MessageFormatException>(() =>
            {
                var reader = new MessagePackReader(cut);
                OrderFormatter.Instance.Read(ref reader);
            });
        }
    }

    [Fact]
    public void A_short_message_that_claims_much_costs_little()
    {
        var deep = new List<byte>();
        for (var i = 0; i < 3; i++)
            deep.AddRange([0xdd, 0x00, 0x0f, 0xff, 0xf0]);
        deep.AddRange(new byte[0x0f_fff0]);
        foreach (var (name, read) in Readers)
            IsTaken(name, read, [.. deep]);
        foreach (var (name, read) in Readers)
            IsTaken(name, read, [0xdd, 0x7f, 0xff, 0xff, 0xff, 0x90]);
        foreach (var (name, read) in Readers)
            IsTaken(name, read, [0xdf, 0x7f, 0xff, 0xff, 0xff, 0x90]);
    }

    private static bool IsTaken(string name, Action<byte[]> read, byte[] input)
    {
        var allowed = (input.Length * (long)MaxBytesPerInputByte) + MaxBytesForAnError;
        var (taken, allocated) = Measure(name, read, input);
        // A first use costs .NET something of its own, and a collection at this moment is counted, too: the second time tells.
        if (allocated > allowed)
            (taken, allocated) = Measure(name, read, input);
        Assert.True(allocated <= allowed, $"{name} from {input.Length} bytes allocates {allocated}: {Beginning(input)}");
        return taken;
    }

    private static (bool Taken, long Allocated) Measure(string name, Action<byte[]> read, byte[] input)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var taken = true;
        try
        {
            read(input);
        }
        catch (MessageFormatException)
        {
            taken = false;
        }
        catch (Exception error)
        {
            Assert.Fail($"{name} from {Beginning(input)}: {error}");
        }
        return (taken, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string Beginning(byte[] input) => Convert.ToHexString(input.AsSpan(0, Math.Min(input.Length, 1000)));

    private static List<(byte[] Input, (string Name, Action<byte[]> Read) Reader)> ValidInputs()
    {
        var mixed = Encoded.By((ref writer) =>
        {
            writer.WriteMapHeader(4);
            writer.Write("ext");
            writer.WriteExtension(7, new byte[300]);
            writer.Write("bin");
            writer.Write(new byte[700]);
            writer.Write("float");
            writer.Write(1.5f);
            writer.Write(ulong.MaxValue);
            writer.Write(double.NaN);
        });
        return
        [
            (mixed, Reader("anything, skipped", new SkipFormatter())),
            Sample(OrderFormatter.Instance, Order.Sample()),
            Sample(new ArrayFormatter<string?>(StringFormatter.Instance), ["", "a", null, new string('é', 40), new string('x', 300)]),
            Sample(Nested(Nested(Nested(Int32Formatter.Instance))), [[[1, -2], []], null, [[300, -300, 70_000, int.MinValue]]]),
            Sample(
                new ListFormatter<Dictionary<string, int>?>(new DictionaryFormatter<string, int>(StringFormatter.Instance!, Int32Formatter.Instance)),
                [new Dictionary<string, int> { ["a"] = 1, ["b"] = 2 }, null]),
            Sample(
                new ArrayFormatter<DateTimeOffset>(DateTimeOffsetFormatter.Instance),
                [DateTimeOffset.MinValue, DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue]),
            Sample(new HashSetFormatter<long>(Int64Formatter.Instance), [long.MinValue, long.MaxValue, 0, -1]),
            Sample(
                new SortedDictionaryFormatter<int, SortedSet<string?>?>(
                    Int32Formatter.Instance, new SortedSetFormatter<string?>(StringFormatter.Instance)),
                new SortedDictionary<int, SortedSet<string?>?> { [1] = ["a", "b"], [2] = null }),
            Sample(
                new ImmutableDictionaryFormatter<int, ImmutableArray<double>>(
                    Int32Formatter.Instance, new ImmutableArrayFormatter<double>(DoubleFormatter.Instance)),
                ImmutableDictionary<int, ImmutableArray<double>>.Empty.Add(1, [1.5, double.NaN]).Add(2, default)),
            Sample(new StackFormatter<BigInteger>(BigIntegerFormatter.Instance), new([BigInteger.Pow(10, 90), -5])),
            Sample(new ListFormatter<decimal>(DecimalFormatter.Instance), [decimal.MaxValue, -1.5m]),
            Sample(new ListFormatter<Uri?>(UriFormatter.Instance), [new("https://user@example.com:81/p?q#f"), new("x", UriKind.Relative)]),
            Sample(new ListFormatter<Version?>(VersionFormatter.Instance), [new(1, 2, 3, 4)]),
            Sample(new MemoryFormatter<Rune>(RuneFormatter.Instance), new Rune[] { new('a'), new(0x1f680) }),
            Sample(
                new QueueFormatter<KeyValuePair<Guid, TimeOnly?>>(new KeyValuePairFormatter<Guid, TimeOnly?>(
                    GuidFormatter.Instance, new NullableFormatter<TimeOnly>(TimeOnlyFormatter.Instance))),
                new([new(Guid.AllBitsSet, TimeOnly.MaxValue), new(Guid.Empty, null)])),
        ];
    }

    private static (byte[] Input, (string Name, Action<byte[]> Read) Reader) Sample<T>(IMessageFormatter<T> formatter, T value) =>
        (Encoded.By(formatter, value), Reader(formatter.GetType().ToString(), formatter));

    private static byte[] RandomInput(Random random)
    {
        var input = new byte[random.Next(1, 80)];
        random.NextBytes(input);
        // Most first bytes are numbers; begin with what leads further.
        if (random.Next(2) == 0)
            input[0] = (byte)random.Next(0x80, 0xe0);
        return input;
    }

    private static byte[] Mutated(Random random, byte[] valid)
    {
        var input = valid.ToList();
        for (var i = random.Next(1, 5); i > 0 && input.Count > 0; i--)
        {
            var at = random.Next(input.Count);
            switch (random.Next(6))
            {
                case 0:
                    input[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    input[at] = (byte)random.Next(256);
                    break;
                case 2:
                    input.RemoveRange(at, Math.Min(random.Next(1, 9), input.Count - at));
                    break;
                case 3:
                    input.Insert(at, (byte)random.Next(0x80, 0xe0));
                    break;
                case 4:
                    input.InsertRange(at, input.GetRange(at, Math.Min(random.Next(1, 33), input.Count - at)));
                    break;
                default:
                    input[at] = new byte[] { 0xc1, 0xdb, 0xdd, 0xdf, 0xc6, 0xc9, 0xff, 0x7f }[random.Next(8)];
                    break;
            }
        }
        return [.. input];
    }

    private static ListFormatter<List<T>?> Nested<T>(ListFormatter<T> inner) => new(inner);

    private static ListFormatter<T> Nested<T>(IMessageFormatter<T> inner) => new(inner);

    private static (string Name, Action<byte[]> Read) Reader<T>(string name, IMessageFormatter<T> formatter) => (name, input =>
    {
        var reader = new MessagePackReader(input);
        formatter.Read(ref reader);
    });

    private sealed class SkipFormatter : IMessageFormatter<bool>
    {
        public void Write(ref MessagePackWriter writer, in bool value) => throw new NotSupportedException();

        public bool Read(ref MessagePackReader reader)
        {
            reader.Skip();
            return true;
        }
    }
}
