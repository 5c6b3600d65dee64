using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;

namespace ProcessCluster.Tests.Primary.Dispatch;

public sealed class ConnectionQueueTests
{
    private readonly ConnectionQueue _queue = new();

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(1000)]
    public void Connections_leave_in_the_order_of_their_arrival(int count)
    {
        for (var i = 0; i < count; i++)
            _queue.PushBack(Connection(i));
        Assert.Equal(count, _queue.Count);
        Assert.Equal(Enumerable.Range(0, count), PopAll());
        Assert.Equal(0, _queue.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(1000)]
    public void What_is_put_in_front_leaves_first(int count)
    {
        _queue.PushBack(Connection(-1));
        for (var i = 0; i < count; i++)
            _queue.PushFront(Connection(i));
        Assert.Equal(Enumerable.Range(0, count).Reverse().Append(-1), PopAll());
    }

    [Fact]
    public void Peeking_takes_nothing_away()
    {
        _queue.PushBack(Connection(1));
        _queue.PushBack(Connection(2));
        Assert.Equal(1, _queue.Peek().Descriptor);
        Assert.Equal(2, _queue.Count);
        Assert.Equal([1, 2], PopAll());
    }

    [Fact]
    public void It_grows_wherever_its_beginning_is()
    {
        for (var start = 0; start < 16; start++)
        {
            var line = new ConnectionQueue();
            for (var i = 0; i < start; i++)
            {
                line.PushBack(Connection(i));
                line.Pop();
            }
            for (var i = 0; i < 40; i++)
                line.PushBack(Connection(i));
            for (var i = 0; i < 40; i++)
                Assert.Equal(i, line.Pop().Descriptor);
        }
    }

    [Fact]
    public void A_connection_leaves_as_it_came()
    {
        var peer = new PeerAddress([2, 0, 0, 80, 127, 0, 0, 1]);
        _queue.PushBack(new PendingConnection(7, peer, 42));
        var popped = _queue.Pop();
        Assert.Equal((7, 42L, peer.ToEndPoint()), (popped.Descriptor, popped.Deadline, popped.Peer.ToEndPoint()));
    }

    [Fact]
    public void Any_course_of_events_agrees_with_a_list()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        var model = new LinkedList<int>();
        for (var step = 0; step < 20_000; step++)
        {
            switch (random.Next(5))
            {
                case 0 or 1:
                    model.AddLast(step);
                    _queue.PushBack(Connection(step));
                    break;
                case 2:
                    model.AddFirst(step);
                    _queue.PushFront(Connection(step));
                    break;
                case 3 or 4 when model.First is { } first:
                    Assert.True(first.Value == _queue.Pop().Descriptor, $"Step {step} of seed {Seed}.");
                    model.RemoveFirst();
                    break;
            }
            Assert.Equal(model.Count, _queue.Count);
        }
        Assert.Equal(model, PopAll());
    }

    [Fact]
    public void Pushing_and_popping_allocate_nothing()
    {
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1_000; i++)
            {
                _queue.PushBack(Connection(i));
                _queue.PushFront(_queue.Pop());
                _queue.Pop();
            }
            if (round > 0) // The first round compiles.
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static PendingConnection Connection(int number) => new(number, default, 0);

    private List<int> PopAll()
    {
        var popped = new List<int>();
        while (_queue.Count > 0)
            popped.Add(_queue.Pop().Descriptor);
        return popped;
    }
}
