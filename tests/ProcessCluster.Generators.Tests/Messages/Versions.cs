using System.Runtime.Serialization;

namespace ProcessCluster.Generators.Tests.Messages;

/// <summary>Two versions of one message, in both directions.</summary>
public sealed class Versions
{
    [Fact]
    public void What_a_newer_sender_adds_is_skipped()
    {
        var sent = new OrderV2("o", 3, [new("x")], new() { ["k"] = [1, 2] }, (1, "t")) { Comment = "c", Priority = 9, Total = 8 };
        Assert.Equal(new OrderV1("o", 8), Wire.Send<OrderV2, OrderV1>(sent));
    }

    [Fact]
    public void What_an_older_sender_lacks_is_the_default()
    {
        var read = Wire.Send<OrderV1, OrderV2>(new OrderV1("o", 8));
        Assert.Equal(("o", 1, "none", 5, 8), (read.Id, read.Count, read.Comment, read.Priority, read.Total));
        Assert.Null(read.Lines);
        Assert.Null(read.Tags);
        Assert.Equal((0, null), read.Pair);
    }

    [Fact]
    public void Members_in_another_order_come_back()
    {
        Assert.Equal(new Ordered(1, 2, 3, 4), Wire.Send<Reordered, Ordered>(new Reordered(4, 3, 2, 1)));
        Assert.Equal(new Reordered(4, 3, 2, 1), Wire.Send<Ordered, Reordered>(new Ordered(1, 2, 3, 4)));
    }

    [Fact]
    public void Of_a_member_that_comes_twice_the_last_counts()
    {
        Assert.Equal(new Point(2, 0), Wire.Read<Point>([0x82, 0xa1, (byte)'X', 0x01, 0xa1, (byte)'X', 0x02]));
        Assert.Equal(2, Wire.Read<Plain>([0x82, 0xa1, (byte)'X', 0x01, 0xa1, (byte)'X', 0x02]).X);
    }

    [Fact]
    public void Defaults_of_parameters_of_every_type_are_used() => Assert.Equal(new Defaults(), Wire.Read<Defaults>([0x80]));

    [Fact]
    public void The_default_of_a_parameter_wider_than_its_member_is_used()
    {
        Assert.Equal(5, Wire.Read<Wider>([0x80]).Number);
        Assert.Equal(3, Wire.RoundTrip(new Wider(3)).Number);
    }

    [Fact]
    public void What_does_not_come_keeps_what_the_type_gives_it()
    {
        var read = Wire.Read<Initialized>([0x81, 0xa1, (byte)'B', 0x63]);
        Assert.Equal(("a", 99, 3, null), (read.A, read.B, read.C, read.D));
        Assert.Equal([1], read.List);
    }

    [Fact]
    public void Nil_for_a_reference_is_null() => Assert.Null(Wire.Read<Initialized>([0x81, 0xa1, (byte)'A', 0xc0]).A);

    [Fact]
    public void Arrays_have_gaps()
    {
        var bytes = Wire.Write(new SparseV1(1, "s"));
        Assert.Equal([0x95, 0xc0, 0x01, 0xc0, 0xc0, 0xa1, (byte)'s'], bytes);
        Assert.Equal(new SparseV1(1, "s"), Wire.Read<SparseV1>(bytes));
    }

    [Fact]
    public void Arrays_of_other_versions_come_back()
    {
        var older = Wire.Send<SparseV1, SparseV2>(new SparseV1(1, "s"));
        Assert.Equal(new SparseV2(1, "s", 42) { Label = "own", Last = 7 }, older);
        Assert.Equal(new SparseV1(1, "s"), Wire.Send<SparseV2, SparseV1>(new SparseV2(1, "s", 3) { Label = "l", Last = 4 }));
        Assert.Equal(new SparseV2(0, null!, 42) { Label = "own", Last = 7 }, Wire.Read<SparseV2>([0x90]));
    }

    [Theory]
    [InlineData(new byte[] { 0x90 })]
    [InlineData(new byte[] { 0x01 })]
    [InlineData(new byte[] { 0x81, 0x01, 0x01 })]
    [InlineData(new byte[] { 0x81, 0xa1, (byte)'X', 0xa1, (byte)'x' })]
    [InlineData(new byte[] { 0x81, 0xa1, (byte)'X' })]
    [InlineData(new byte[] { 0xc0 })]
    [InlineData(new byte[] { 0x80, 0x80 })]
    public void What_is_no_such_message_is_refused(byte[] bytes) => Assert.Throws<MessageFormatException>(() => Wire.Read<Point>(bytes));
}

[ClusterMessage]
internal sealed record OrderV1(string Id, int Total);

[ClusterMessage]
internal sealed record OrderV2(string Id, int Count = 1, List<Line>? Lines = null, Dictionary<string, int[]>? Tags = null, (int, string?) Pair = default)
{
    public string Comment { get; init; } = "none";
    public int Priority { get; set; } = 5;
    public required int Total { get; init; }
}

internal sealed record Line(string Text);

[ClusterMessage]
internal sealed record Ordered(int A, int B, int C, int D);

[ClusterMessage]
internal sealed record Reordered(int D, int C, int B, int A);

[ClusterMessage]
internal sealed record Defaults(
    bool Flag = true, byte Byte = 255, long Long = long.MinValue, ulong ULong = ulong.MaxValue, float Single = -1.5f, double Double = 1e300,
    double NotANumber = double.NaN, float Infinite = float.NegativeInfinity, decimal Decimal = 1.50m, char Char = '\'', string Text = "\"\\\n ä",
    DayOfWeek Day = DayOfWeek.Friday, Small Small = Small.Least, Small? MaybeSmall = Small.Least, int? Maybe = 3, int? None = null,
    string? NoText = null, Guid Id = default, short Short = -3, uint UInt = 4000000000);

[ClusterMessage]
internal sealed class Wider(int? number = 5)
{
    public int Number { get; } = number ?? -1;
}

[ClusterMessage]
internal sealed record Initialized
{
    public string A { get; init; } = "a";
    public int B { get; init; } = 2;
    public int C { get; set; } = 3;
    public required string D { get; init; }
    public List<int> List { get; init; } = [1];
}

[ClusterMessage]
internal sealed record SparseV1([property: DataMember(Order = 1)] int A, [property: DataMember(Order = 4)] string B);

[ClusterMessage]
internal sealed record SparseV2(
    [property: DataMember(Order = 1)] int A, [property: DataMember(Order = 4)] string B, [property: DataMember(Order = 0)] int C = 42)
{
    [DataMember(Order = 3)]
    public string Label { get; init; } = "own";

    [DataMember(Order = 6)]
    public int Last { get; set; } = 7;
}
