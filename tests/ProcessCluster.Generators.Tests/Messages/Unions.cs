namespace ProcessCluster.Generators.Tests.Messages;

public sealed class Unions
{
    public static TheoryData<string> Examples => [.. Shapes.Keys];

    private static Dictionary<string, Shape?> Shapes { get; } = new()
    {
        ["circle"] = new Circle(1.5), ["square"] = new Square(2), ["nothing"] = null, ["round"] = new Ellipse(1, 2), ["group"] = new Group([new Circle(1), null, new Group([])]),
    };

    [Theory]
    [MemberData(nameof(Examples))]
    public void Each_type_comes_back(string name)
    {
        var sent = Shapes[name];
        var read = Wire.RoundTrip(sent);
        if (sent is Group group)
            Assert.Equal(group.Shapes.Where(shape => shape is not Group), Assert.IsType<Group>(read).Shapes.Where(shape => shape is not Group));
        else
            Assert.Equal(sent, read);
        Assert.Equal(sent?.GetType(), read?.GetType());
    }

    [Fact]
    public void The_key_stands_before_the_value() =>
        Assert.Equal([0x92, 0xcd, 0x01, 0x00, 0x81, 0xa4, .. "Side"u8, 0x02], Wire.Write<Shape>(new Square(2)));

    [Fact]
    public void A_message_of_the_union_by_itself_has_no_key() => Assert.Equal([0x81, 0xa4, .. "Side"u8, 0x02], Wire.Write(new Square(2)));

    [Fact]
    public void Structs_and_classes_stand_for_an_interface()
    {
        var sent = new Party([new Cat("Tom"), new Bird(2), null]);
        Assert.Equal(sent.Guests, Wire.RoundTrip(sent).Guests);
    }

    [Fact]
    public void A_type_that_is_not_named_is_refused()
    {
        var refused = Assert.Throws<ClusterMessageException>(() => Wire.Write<Shape>(new Stranger()));
        Assert.Equal(
            "ProcessCluster.Generators.Tests.Messages.Stranger is no type of the union ProcessCluster.Generators.Tests.Messages.Shape: "
            + "name it there with [ClusterUnion(key, typeof(…))].",
            refused.Message);
    }

    [Theory]
    [InlineData(new byte[] { 0x92, 0x63, 0x80 }, "a key of the union ProcessCluster.Generators.Tests.Messages.Shape, found the key 99, of which only the sender knows the type,", 1)]
    [InlineData(new byte[] { 0x91, 0x00 }, "the union ProcessCluster.Generators.Tests.Messages.Shape as an array of 2, found an array of 1", 0)]
    [InlineData(new byte[] { 0x93, 0x00, 0x80, 0x80 }, "the union ProcessCluster.Generators.Tests.Messages.Shape as an array of 2, found an array of 3", 0)]
    [InlineData(new byte[] { 0x80 }, "an array", 0)]
    [InlineData(new byte[] { 0x92, 0xa1, 0x61, 0x80 }, "an integer", 1)]
    public void Another_key_or_length_is_refused(byte[] bytes, string expected, int offset)
    {
        var refused = Assert.Throws<MessageFormatException>(() => Wire.Read<Shape>(bytes));
        Assert.Contains($"expected {expected}", refused.Message, StringComparison.Ordinal);
        Assert.Equal(offset, refused.Offset);
    }
}

[ClusterMessage]
[ClusterUnion(0, typeof(Circle))]
[ClusterUnion(256, typeof(Square))]
[ClusterUnion(-1, typeof(Round))]
[ClusterUnion(3, typeof(Group))]
internal abstract record Shape;

internal sealed record Circle(double Radius) : Shape;

[ClusterMessage]
internal sealed record Square(int Side) : Shape;

[ClusterUnion(0, typeof(Ellipse))]
internal abstract record Round : Shape;

internal sealed record Ellipse(int A, int B) : Round;

internal sealed record Group(List<Shape?> Shapes) : Shape;

internal sealed record Stranger : Shape;

[ClusterUnion(1, typeof(Cat))]
[ClusterUnion(2, typeof(Bird))]
internal interface IGuest;

internal sealed record Cat(string Name) : IGuest;

internal readonly record struct Bird(int Wings) : IGuest;

[ClusterMessage]
internal sealed record Party(IGuest?[] Guests);
