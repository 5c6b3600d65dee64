using System.Buffers;
using System.Buffers.Binary;

namespace ProcessCluster.Tests.Messaging;

/// <summary>Alone in its process, as it counts what the whole process allocates.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What sending and handling cost the garbage collector.</summary>
[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    private const int Messages = 200_000;

    /// <summary>The smallest object has 24 bytes. What is allowed is for the sender's waits for room, each of which stands for thousands of messages.</summary>
    private const double FarBelowAnObject = 12;

    [Fact]
    public async Task A_struct_that_is_sent_and_handled_allocates_nothing()
    {
        using var pair = new Pair(configure: options => options.Serializer = new TwoNumbers());
        var sum = 0L;
        var handled = 0;
        using var handler = pair.Worker.Handlers.OnMessage<Point>((point, _) =>
        {
            sum += point.X - point.Y;
            Interlocked.Increment(ref handled);
        });
        await SendAllAsync(pair, 10_000); // Buffers, state machines: what is made once.
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref handled) == 10_000, Pair.Patience));

        var before = GC.GetTotalAllocatedBytes(precise: true);
        await SendAllAsync(pair, Messages);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref handled) == 10_000 + Messages, Pair.Patience));
        var perMessage = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Messages;
        Assert.InRange(perMessage, 0, FarBelowAnObject);
        Assert.Equal((10_000 + Messages) * 7L, sum);
    }

    private static async Task SendAllAsync(Pair pair, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var sending = pair.Primary.SendAsync(new Point(i + 7, i));
            if (!sending.IsCompletedSuccessfully)
                await sending;
        }
    }

    private readonly record struct Point(long X, long Y);

    private sealed class TwoNumbers : IMessageSerializer
    {
        public void Serialize<T>(in T message, IBufferWriter<byte> output)
        {
            if (typeof(T) != typeof(Point))
                throw new NotSupportedException();
            var point = System.Runtime.CompilerServices.Unsafe.As<T, Point>(ref System.Runtime.CompilerServices.Unsafe.AsRef(in message));
            var span = output.GetSpan(16);
            BinaryPrimitives.WriteInt64LittleEndian(span, point.X);
            BinaryPrimitives.WriteInt64LittleEndian(span[8..], point.Y);
            output.Advance(16);
        }

        public T Deserialize<T>(ReadOnlyMemory<byte> body)
        {
            var point = new Point(BinaryPrimitives.ReadInt64LittleEndian(body.Span), BinaryPrimitives.ReadInt64LittleEndian(body.Span[8..]));
            return System.Runtime.CompilerServices.Unsafe.As<Point, T>(ref point);
        }
    }
}
