using System.Buffers;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

public sealed class MessageTypesTests
{
    [Fact]
    public void A_declared_message_is_found_with_its_name()
    {
        Assert.False(MessageTypes.TryGetFormatter<First>(out _));
        MessageTypes.Register("first", First.Formatter);
        Assert.True(MessageTypes.TryGetFormatter<First>(out var formatter));
        Assert.Same(First.Formatter, formatter);
        Assert.Equal("first", MessageTypes.NameOf<First>());
    }

    [Fact]
    public void Declaring_it_again_changes_nothing()
    {
        MessageTypes.Register("second", Second.Formatter);
        MessageTypes.Register("second", new NumberFormatter<Second>());
        Assert.Same(Second.Formatter, MessageTypes.FormatterOf<Second>());
    }

    [Fact]
    public void Two_types_cannot_have_one_name()
    {
        MessageTypes.Register("third", new NumberFormatter<Third>());
        var error = Assert.Throws<InvalidOperationException>(() => MessageTypes.Register("third", new NumberFormatter<Fourth>()));
        Assert.Contains(typeof(Third).ToString(), error.Message, StringComparison.Ordinal);
        Assert.Contains(typeof(Fourth).ToString(), error.Message, StringComparison.Ordinal);
        Assert.False(MessageTypes.TryGetFormatter<Fourth>(out _));
    }

    [Fact]
    public void A_type_cannot_have_two_names()
    {
        MessageTypes.Register("fifth", new NumberFormatter<Fifth>());
        Assert.Throws<InvalidOperationException>(() => MessageTypes.Register("another fifth", new NumberFormatter<Fifth>()));
        Assert.Equal("fifth", MessageTypes.NameOf<Fifth>());
    }

    [Fact]
    public void A_type_that_is_not_declared_has_its_full_name() =>
        Assert.Equal(typeof(MessageTypesTests).FullName, MessageTypes.NameOf<MessageTypesTests>());

    [Fact]
    public void A_message_goes_through_the_serializer()
    {
        MessageTypes.Register("order", OrderFormatter.Instance!);
        var serializer = GeneratedMessageSerializer.Instance;
        var output = new ArrayBufferWriter<byte>();
        var order = Order.Sample();
        serializer.Serialize(in order, output);
        Assert.Equivalent(order, serializer.Deserialize<Order>(output.WrittenMemory), strict: true);

        output.Write<byte>([0xc0]);
        var error = Assert.Throws<MessageFormatException>(() => serializer.Deserialize<Order>(output.WrittenMemory));
        Assert.Equal(output.WrittenCount - 1, error.Offset);
    }

    [Fact]
    public void A_type_that_is_not_declared_is_refused_with_the_remedy()
    {
        var message = Environment.OSVersion;
        var error = Assert.Throws<MessageNotDeclaredException>(
            () => GeneratedMessageSerializer.Instance.Serialize(in message, new ArrayBufferWriter<byte>()));
        Assert.Contains(typeof(OperatingSystem).ToString(), error.Message, StringComparison.Ordinal);
        Assert.Contains("[ClusterMessage]", error.Message, StringComparison.Ordinal);
        Assert.Throws<MessageNotDeclaredException>(() => GeneratedMessageSerializer.Instance.Deserialize<OperatingSystem>(default));
    }

    private readonly struct First
    {
        public static readonly IMessageFormatter<First> Formatter = new NumberFormatter<First>();
    }

    private readonly struct Second
    {
        public static readonly IMessageFormatter<Second> Formatter = new NumberFormatter<Second>();
    }

    private readonly struct Third;

    private readonly struct Fourth;

    private readonly struct Fifth;

    private sealed class NumberFormatter<T> : IMessageFormatter<T>
        where T : struct
    {
        public void Write(ref MessagePackWriter writer, in T value) => writer.Write(0);

        public T Read(ref MessagePackReader reader)
        {
            reader.ReadInt32();
            return default;
        }
    }
}
