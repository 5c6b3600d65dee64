namespace ProcessCluster.Generators.Tests.Messages;

/// <summary>Types that reach themselves, and how deep that may go.</summary>
public sealed class Circles
{
    [Fact]
    public void A_tree_comes_back()
    {
        var read = Wire.RoundTrip(new Tree("root", [new Tree("left", []), new Tree("right", [new Tree("leaf", null)])]));
        Assert.Equal("leaf", read.Children![1].Children![0].Name);
        Assert.Null(read.Children[1].Children![0].Children);
        Assert.Empty(read.Children[0].Children!);
    }

    [Fact]
    public void Types_that_reach_one_another_come_back()
    {
        var read = Wire.RoundTrip(new Husband { Wife = new Wife { Husband = new Husband(), Friends = new() { ["x"] = new Husband() } } });
        Assert.Null(read.Wife!.Husband!.Wife);
        Assert.Null(Assert.Single(read.Wife.Friends!).Value!.Wife);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void Objects_within_one_another_count_as_depth_when_read(int depth, bool fits)
    {
        // {"Next": {"Next": … nil}}
        byte[] bytes = [.. Enumerable.Repeat(new byte[] { 0x81, 0xa4, (byte)'N', (byte)'e', (byte)'x', (byte)'t' }, depth).SelectMany(part => part), 0xc0];
        if (fits)
            Assert.Equal(depth, Wire.Read<Chain>(bytes).Length);
        else
            Assert.Throws<MessageFormatException>(() => Wire.Read<Chain>(bytes));
    }

    [Fact]
    public void An_object_that_refers_to_itself_is_refused()
    {
        var chain = new Chain();
        chain.Next = chain;
        Assert.Throws<ClusterMessageException>(() => Wire.Write(chain));
        var group = new Group([]);
        group.Shapes.Add(group);
        Assert.Throws<ClusterMessageException>(() => Wire.Write<Shape>(group));
    }

    [Fact]
    public void Many_objects_beside_one_another_are_no_depth()
    {
        var sent = new Tree("root", [.. Enumerable.Repeat(new Tree("leaf", []), 1000)]);
        Assert.Equal(1000, Wire.RoundTrip(sent).Children!.Count);
        var shapes = new Group([.. Enumerable.Repeat(new Circle(1), 1000)]);
        Assert.Equal(1000, Assert.IsType<Group>(Wire.RoundTrip<Shape>(shapes)).Shapes.Count);
        var tuples = new Library([], [], [.. Enumerable.Repeat((1, (string?)"x"), 1000)]);
        Assert.Equal(1000, Wire.RoundTrip(tuples).Pairs.Count);
    }
}

[ClusterMessage]
internal sealed record Tree(string Name, List<Tree>? Children);

[ClusterMessage]
internal sealed class Husband
{
    public Wife? Wife { get; set; }
}

internal sealed class Wife
{
    public Husband? Husband { get; set; }
    public Dictionary<string, Husband?>? Friends { get; set; }
}

[ClusterMessage]
internal sealed class Chain
{
    public Chain? Next { get; set; }

    public int Length => 1 + (Next?.Length ?? 0);
}
