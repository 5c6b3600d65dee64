namespace ProcessCluster.Generators.Tests.Messages;

[ClusterMessage]
internal sealed record Greeting(string Name, int Age = 7, List<Guid>? Ids = null)
{
    public string Note { get; init; } = "none";

    public (int A, string B)? Pair { get; set; }

    public Greeting? Reply { get; set; }
}

public sealed class FirstTests
{
    [Fact]
    public void Works()
    {
        var m = new Greeting("x", 3, [Guid.NewGuid()]) { Note = "n", Pair = (1, "b"), Reply = new Greeting("y") };
        var back = Wire.RoundTrip(m);
        Assert.Equal(m.Ids, back.Ids);
        Assert.Equal(m with { Ids = null }, back with { Ids = null });
    }
}
