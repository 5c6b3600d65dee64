using System.Collections;
using System.Collections.Immutable;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

public sealed class CollectionFormatterTests
{
    private static readonly IMessageFormatter<string?> Text = StringFormatter.Instance;
    private static readonly IMessageFormatter<int> Number = Int32Formatter.Instance;
    private static readonly string?[] Sample = ["a", null, "c", "c"];

    [Fact]
    public void A_sequence_keeps_its_order()
    {
        RoundTrip(new ArrayFormatter<string?>(Text), Sample);
        RoundTrip(new ListFormatter<string?>(Text), [.. Sample]);
        RoundTrip(new QueueFormatter<string?>(Text), new Queue<string?>(Sample));
        RoundTrip(new StackFormatter<string?>(Text), new Stack<string?>(Sample));
        RoundTrip(new ImmutableArrayFormatter<string?>(Text), [.. Sample]);
        RoundTrip(new ImmutableListFormatter<string?>(Text), [.. Sample]);
        RoundTrip(new EnumerableFormatter<string?>(Text), Sample);
        RoundTrip(new CollectionInterfaceFormatter<string?>(Text), Sample);
        RoundTrip(new ListInterfaceFormatter<string?>(Text), Sample);
        RoundTrip(new ReadOnlyCollectionFormatter<string?>(Text), Sample);
        RoundTrip(new ReadOnlyListFormatter<string?>(Text), Sample);

        static void RoundTrip<T>(IMessageFormatter<T> formatter, T value)
            where T : IEnumerable<string?>?
        {
            var bytes = Encoded.By(formatter, value);
            Assert.Equal(value!.AsEnumerable(), Encoded.Decode(formatter, bytes)!.AsEnumerable());
            Assert.Equal("94", Convert.ToHexString(bytes.AsSpan(0, 1)));
        }
    }

    [Fact]
    public void Memory_is_an_array()
    {
        int[] numbers = [1, 2, 300];
        Assert.Equal("930102cd012c", Encoded.Hex(new MemoryFormatter<int>(Number), numbers));
        Assert.Equal("930102cd012c", Encoded.Hex(new ReadOnlyMemoryFormatter<int>(Number), numbers));
        Assert.Equal(numbers, Encoded.Decode(new MemoryFormatter<int>(Number), "930102cd012c").ToArray());
        Assert.Equal(numbers, Encoded.Decode(new ReadOnlyMemoryFormatter<int>(Number), "930102cd012c").ToArray());
        Assert.True(Encoded.Decode(new MemoryFormatter<int>(Number), "c0").IsEmpty);
        Assert.Equal("90", Encoded.Hex(new MemoryFormatter<int>(Number), default));
    }

    [Fact]
    public void A_set_is_an_array()
    {
        RoundTrip(new HashSetFormatter<int>(Number), [3, 1, 2]);
        RoundTrip(new SetInterfaceFormatter<int>(Number), new HashSet<int> { 3, 1, 2 });
        RoundTrip(new ReadOnlySetFormatter<int>(Number), new HashSet<int> { 3, 1, 2 });
        RoundTrip(new SortedSetFormatter<int>(Number), [3, 1, 2]);
        RoundTrip(new ImmutableHashSetFormatter<int>(Number), [3, 1, 2]);
        Assert.Equal("93010203", Encoded.Hex(new SortedSetFormatter<int>(Number), [3, 1, 2]));
        Assert.Equal(2, Encoded.Decode(new HashSetFormatter<int>(Number), "93010201")!.Count);

        static void RoundTrip<T>(IMessageFormatter<T> formatter, T value)
            where T : IEnumerable<int>? => Assert.Equal(value, Encoded.Decode(formatter, Encoded.By(formatter, value)));
    }

    [Fact]
    public void A_dictionary_is_a_map()
    {
        var pairs = new Dictionary<string, int> { ["b"] = 1, ["a"] = 2 };
        RoundTrip(new DictionaryFormatter<string, int>(Text!, Number), pairs);
        RoundTrip(new DictionaryInterfaceFormatter<string, int>(Text!, Number), pairs);
        RoundTrip(new ReadOnlyDictionaryFormatter<string, int>(Text!, Number), pairs);
        RoundTrip(new SortedDictionaryFormatter<string, int>(Text!, Number), new(pairs));
        RoundTrip(new ImmutableDictionaryFormatter<string, int>(Text!, Number), pairs.ToImmutableDictionary());
        Assert.Equal("82a16201a16102", Encoded.Hex(new DictionaryFormatter<string, int>(Text!, Number), pairs));
        Assert.Equal("82a16102a16201", Encoded.Hex(new SortedDictionaryFormatter<string, int>(Text!, Number), new(pairs)));

        static void RoundTrip<T>(IMessageFormatter<T> formatter, T value)
            where T : IEnumerable<KeyValuePair<string, int>>?
        {
            Assert.Equal(value, Encoded.Decode(formatter, Encoded.By(formatter, value)));
            Assert.Equal(9, Assert.Single(Encoded.Decode(formatter, "82a16101a16109")!).Value);
            Assert.Contains("a key", Encoded.Fail(formatter.Read, "81c001").Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_key_with_its_value_is_an_array_of_two()
    {
        var formatter = new KeyValuePairFormatter<string?, int>(Text, Number);
        Assert.Equal("92a16105", Encoded.Hex(formatter, new("a", 5)));
        Assert.Equal(new("a", 5), Encoded.Decode(formatter, "92a16105"));
        Encoded.Fail(formatter.Read, "93a1610505");
        Encoded.Fail(formatter.Read, "91a1");
    }

    [Fact]
    public void Null_is_nil_and_empty_is_empty()
    {
        Check(new ArrayFormatter<int>(Number), []);
        Check(new ListFormatter<int>(Number), []);
        Check(new QueueFormatter<int>(Number), new());
        Check(new StackFormatter<int>(Number), new());
        Check(new HashSetFormatter<int>(Number), []);
        Check(new SetInterfaceFormatter<int>(Number), new HashSet<int>());
        Check(new ReadOnlySetFormatter<int>(Number), new HashSet<int>());
        Check(new SortedSetFormatter<int>(Number), []);
        Check(new EnumerableFormatter<int>(Number), []);
        Check(new CollectionInterfaceFormatter<int>(Number), []);
        Check(new ListInterfaceFormatter<int>(Number), []);
        Check(new ReadOnlyCollectionFormatter<int>(Number), []);
        Check(new ReadOnlyListFormatter<int>(Number), []);
        Check(new ImmutableListFormatter<int>(Number), []);
        Check(new ImmutableHashSetFormatter<int>(Number), []);
        Check(new DictionaryFormatter<int, int>(Number, Number), []);
        Check(new DictionaryInterfaceFormatter<int, int>(Number, Number), new Dictionary<int, int>());
        Check(new ReadOnlyDictionaryFormatter<int, int>(Number, Number), new Dictionary<int, int>());
        Check(new SortedDictionaryFormatter<int, int>(Number, Number), []);
        Check(new ImmutableDictionaryFormatter<int, int>(Number, Number), ImmutableDictionary<int, int>.Empty);

        var immutable = new ImmutableArrayFormatter<int>(Number);
        Assert.Equal("c0", Encoded.Hex(immutable, default));
        Assert.True(Encoded.Decode(immutable, "c0").IsDefault);
        Assert.True(Encoded.Decode(immutable, "90").IsEmpty);

        static void Check<T>(IMessageFormatter<T?> formatter, T empty)
            where T : class, IEnumerable
        {
            Assert.Equal("c0", Encoded.Hex(formatter, null));
            Assert.Null(Encoded.Decode(formatter, "c0"));
            Assert.Empty(Encoded.Decode(formatter, Encoded.By(formatter, empty))!);
        }
    }

    [Fact]
    public void A_query_is_run_once()
    {
        var runs = 0;
        var query = Enumerable.Range(0, 20).Where(number =>
        {
            runs++;
            return number % 2 == 0;
        });
        Assert.Equal("9a00020406080a0c0e1012", Encoded.Hex(new EnumerableFormatter<int>(Number), query));
        Assert.Equal(20, runs);
    }

    [Fact]
    public void An_array_of_a_more_special_type_is_written() =>
        Assert.Equal("91a178", Encoded.Hex(new ArrayFormatter<object?>(new ObjectFormatter()), new string[] { "x" }));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_collection_that_does_not_have_what_it_says_is_not_sent(int says)
    {
        var error = Assert.Throws<InvalidOperationException>(
            () => Encoded.By(new ReadOnlyCollectionFormatter<int>(Number), new Liar(says)));
        Assert.Contains(nameof(Liar), error.Message, StringComparison.Ordinal);
    }

    private sealed class Liar(int says) : IReadOnlyCollection<int>
    {
        public int Count { get; } = says;

        public IEnumerator<int> GetEnumerator() => Enumerable.Range(0, 2).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private sealed class ObjectFormatter : IMessageFormatter<object?>
    {
        public void Write(ref MessagePackWriter writer, in object? value) => writer.Write((string?)value);

        public object? Read(ref MessagePackReader reader) => reader.ReadString();
    }
}
