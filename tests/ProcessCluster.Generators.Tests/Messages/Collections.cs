using System.Collections.Immutable;

namespace ProcessCluster.Generators.Tests.Messages;

public sealed class Collections
{
    [Fact]
    public void Every_collection_comes_back()
    {
        var read = Wire.RoundTrip(AllCollections.Example);
        var sent = AllCollections.Example;
        foreach (var property in typeof(AllCollections).GetProperties().Where(property => property.GetMethod!.IsStatic == false))
        {
            var (expected, actual) = (property.GetValue(sent), property.GetValue(read));
            if (expected is Memory<byte> bytes)
                (expected, actual) = (bytes.ToArray(), ((Memory<byte>)actual!).ToArray());
            if (expected is ReadOnlyMemory<int> numbers)
                (expected, actual) = (numbers.ToArray(), ((ReadOnlyMemory<int>)actual!).ToArray());
            Assert.True(expected is not null && actual is not null, property.Name);
            Assert.Equal(expected, actual);
        }
        Assert.Equal(sent.Stack.Pop(), read.Stack.Pop());
    }

    [Fact]
    public void Null_collections_come_back_as_null()
    {
        var read = Wire.RoundTrip(new AllCollections());
        Assert.Null(read.Array);
        Assert.Null(read.Bytes);
        Assert.Null(read.Dictionary);
        Assert.Null(read.ReadOnlyList);
        Assert.True(read.ImmutableArray.IsDefault);
    }

    [Fact]
    public void Collections_of_objects_of_collections_come_back()
    {
        var sent = new Library(new() { ["a"] = [new Shelf([new("x", 1), new("y", 2)])], ["b"] = [] }, [[1, 2], [3]], [(1, "one"), (2, null)]);
        var read = Wire.RoundTrip(sent);
        Assert.Equal(["a", "b"], read.Shelves.Keys);
        Assert.Equal(sent.Shelves["a"][0].Books.AsEnumerable(), read.Shelves["a"][0].Books);
        Assert.Equal(sent.Jagged, read.Jagged);
        Assert.Equal(sent.Pairs, read.Pairs);
    }

    [Fact]
    public void Tuples_are_arrays()
    {
        var sent = new Tuples((1, 2, 3, 4, 5, 6, 7), Tuple.Create("a", (int?)null), ((1, 2), 3), null);
        Assert.Equal(sent, Wire.RoundTrip(sent));
        Assert.Equal([0x91, 0x93, 0x01, 0x02, 0x03], Wire.Write(new OneTuple((1, 2, 3))));
    }

    [Theory]
    [InlineData(new byte[] { 0x91, 0x92, 0x01, 0x02 })]
    [InlineData(new byte[] { 0x91, 0x94, 0x01, 0x02, 0x03, 0xc0 })]
    public void A_tuple_of_another_length_is_refused(byte[] bytes) =>
        Assert.Contains("a tuple as an array of 3", Assert.Throws<MessageFormatException>(() => Wire.Read<OneTuple>(bytes)).Message, StringComparison.Ordinal);
}

[ClusterMessage]
internal sealed record OneTuple([property: System.Runtime.Serialization.DataMember(Order = 0)] (int A, int B, int C) Value);

[ClusterMessage]
internal sealed record Tuples((int A, int B, int C, int D, int E, int F, int G) Seven, Tuple<string, int?> Reference, ((int, int), int) Nested, Tuple<int>? None);

[ClusterMessage]
internal sealed record Library(Dictionary<string, List<Shelf>> Shelves, int[][] Jagged, List<(int Key, string? Value)> Pairs);

internal sealed record Shelf(ImmutableArray<Book> Books);

internal readonly record struct Book(string Title, int Year);

[ClusterMessage]
internal sealed class AllCollections
{
    public int[]? Array { get; set; }
    public string?[]? Texts { get; set; }
    public int?[]? Maybes { get; set; }
    public byte[]? Bytes { get; set; }
    public Memory<byte> ByteMemory { get; set; }
    public ReadOnlyMemory<int> Numbers { get; set; }
    public ArraySegment<byte> Segment { get; set; }
    public List<string>? List { get; set; }
    public IList<int>? ListInterface { get; set; }
    public IReadOnlyList<int>? ReadOnlyList { get; set; }
    public ICollection<int>? Collection { get; set; }
    public IReadOnlyCollection<int>? ReadOnlyCollection { get; set; }
    public IEnumerable<int>? Enumerable { get; set; }
    public HashSet<int>? HashSet { get; set; }
    public ISet<int>? Set { get; set; }
    public IReadOnlySet<int>? ReadOnlySet { get; set; }
    public SortedSet<string>? SortedSet { get; set; }
    public Queue<int>? Queue { get; set; }
    public Stack<int> Stack { get; set; } = [];
    public Dictionary<int, string>? Dictionary { get; set; }
    public IDictionary<string, int>? DictionaryInterface { get; set; }
    public IReadOnlyDictionary<Guid, int>? ReadOnlyDictionary { get; set; }
    public SortedDictionary<string, int>? SortedDictionary { get; set; }
    public KeyValuePair<int, string> Pair { get; set; }
    public ImmutableArray<int> ImmutableArray { get; set; }
    public ImmutableList<int>? ImmutableList { get; set; }
    public ImmutableHashSet<int>? ImmutableHashSet { get; set; }
    public ImmutableDictionary<string, int>? ImmutableDictionary { get; set; }

    public static AllCollections Example => new()
    {
        Array = [1, 2, 3], Texts = ["a", null], Maybes = [1, null], Bytes = [1, 2], ByteMemory = new byte[] { 3, 4 }, Numbers = new[] { 5, 6 },
        Segment = new ArraySegment<byte>([7, 8]), List = ["x", "y"], ListInterface = [1], ReadOnlyList = [2], Collection = [3],
        ReadOnlyCollection = [4], Enumerable = [5], HashSet = [6], Set = new HashSet<int> { 7 }, ReadOnlySet = new HashSet<int> { 8 },
        SortedSet = ["b", "a"], Queue = new Queue<int>([1, 2]), Stack = new Stack<int>([1, 2]), Dictionary = new() { [1] = "one" },
        DictionaryInterface = new Dictionary<string, int> { ["two"] = 2 }, ReadOnlyDictionary = new Dictionary<Guid, int> { [Guid.Empty] = 3 },
        SortedDictionary = new() { ["z"] = 1, ["a"] = 2 }, Pair = new(1, "one"), ImmutableArray = [1, 2], ImmutableList = [3],
        ImmutableHashSet = [4], ImmutableDictionary = ImmutableDictionary<string, int>.Empty.Add("k", 5),
    };
}
