using ProcessCluster.Primary.Dispatch;

namespace ProcessCluster.Tests.Primary.Dispatch;

public sealed class ConnectionRebalancerTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly ConnectionRebalancer _rebalancing = new();
    private readonly List<Worker> _workers = [];
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(100, 100, 100)]
    [InlineData(100, 109, 91)]
    [InlineData(3, 0, 2)]
    [InlineData(6, 0, 3)]
    public void Workers_that_are_about_even_are_left_alone_and_not_looked_at_again(params int[] connections)
    {
        Add(connections);
        for (var i = 0; i < 20; i++)
            Assert.False(Rebalance());
        Assert.All(_workers, worker => Assert.Empty(worker.Asked));
    }

    [Theory]
    [InlineData(100, 100, 0, 0)]
    [InlineData(200, 0)]
    [InlineData(5000, 5000, 0, 0)]
    [InlineData(10, 0, 0, 0)]
    [InlineData(90, 90, 90, 90, 90, 90, 90, 90, 0)]
    [InlineData(40, 30, 20, 10, 0)]
    public void The_uneven_become_even_and_nothing_goes_to_and_fro(params int[] connections)
    {
        Add(connections);
        var most = Math.Ceiling(connections.Average());
        var moved = 0;
        for (var looks = 1; Rebalance(); looks++)
        {
            Assert.InRange(looks, 1, 500);
            var given = Move();
            Assert.InRange(given, 0, ConnectionRebalancer.MostAtOnce * connections.Length);
            Assert.All(_workers.Where(worker => worker.Asked.Count > 0), worker => Assert.True(worker.Connections >= most));
            Assert.All(_workers.Where(worker => worker.Asked.Count == 0), worker => Assert.InRange(worker.Connections, 0, Math.Max(most, worker.First)));
            moved += given;
        }
        var mean = connections.Average();
        Assert.All(_workers, worker => Assert.InRange(worker.Connections, Math.Min(mean * 0.9, mean - 3), Math.Max(mean * 1.1, mean + 3)));
        Assert.InRange(moved, 1, connections.Sum(count => Math.Max(0, count - mean)));
    }

    [Fact]
    public void Two_hundred_on_two_of_four_are_even_after_a_second()
    {
        Add(100, 100, 0, 0);
        for (var i = 0; i < 10; i++)
        {
            Rebalance();
            Move();
        }
        Assert.All(_workers, worker => Assert.InRange(worker.Connections, 40, 60));
    }

    [Fact]
    public void What_does_not_last_is_not_moved()
    {
        Add(50, 50);
        var random = new Random(1);
        for (var i = 0; i < 3000; i++)
        {
            // Each time another one has more.
            var (one, other) = (50 + random.Next(20), 50 - random.Next(20));
            (_workers[0].Connections, _workers[1].Connections) = i % 2 == 0 ? (one, other) : (other, one);
            Rebalance();
        }
        Assert.All(_workers, worker => Assert.Empty(worker.Asked));
    }

    [Fact]
    public void Only_what_was_too_much_all_the_time_is_asked_for()
    {
        Add(20, 0);
        Rebalance();
        (_workers[0].Connections, _workers[1].Connections) = (14, 6);
        Rebalance();
        (_workers[0].Connections, _workers[1].Connections) = (20, 0);
        Rebalance();
        Assert.Equal([4], _workers[0].Asked);
    }

    [Fact]
    public void One_that_gives_nothing_is_asked_less_and_less_often_and_as_before_when_all_were_even()
    {
        Add(100, 0);
        var times = new List<TimeSpan>();
        for (var end = _now + TimeSpan.FromMinutes(2); _now < end;)
        {
            var before = _workers[0].Asked.Count;
            if (!Rebalance())
                _now += TimeSpan.FromSeconds(1) - Tick; // The slow look.
            if (_workers[0].Asked.Count > before)
                times.Add(_now);
        }
        Assert.InRange(times.Count, 6, 14);
        Assert.All(_workers[0].Asked, count => Assert.Equal(ConnectionRebalancer.FirstAtOnce, count));
        Assert.InRange(times[^1] - times[^2], ConnectionRebalancer.LongestPause, ConnectionRebalancer.LongestPause + TimeSpan.FromSeconds(2));

        _workers[1].Connections = 100;
        Assert.False(Rebalance());
        (_workers[1].Connections, times) = (0, []);
        for (var i = 0; i < ConnectionRebalancer.LooksThatCount; i++)
            Assert.True(Rebalance());
        Assert.Equal(ConnectionRebalancer.FirstAtOnce, _workers[0].Asked[^1]);
    }

    [Fact]
    public void Who_takes_none_now_is_not_counted()
    {
        Add(50, 50, 0);
        _workers[2].CanTake = false;
        Assert.False(Rebalance());
        _workers[2].CanTake = true;
        Assert.True(Rebalance());
    }

    [Fact]
    public void While_a_worker_is_replaced_nothing_is_evened_out()
    {
        Add(50, 50, 0);
        _workers[2].Slot = 0;
        Assert.False(Rebalance());
        _rebalancing.Remove(_workers[0]);
        Assert.True(Rebalance());
    }

    private void Add(params int[] connections)
    {
        foreach (var count in connections)
        {
            var worker = new Worker { Slot = _workers.Count, Connections = count, First = count };
            _workers.Add(worker);
            _rebalancing.Add(worker);
        }
    }

    private bool Rebalance()
    {
        _now += Tick;
        return _rebalancing.Rebalance(_now);
    }

    /// <summary>Those that were asked give, and the emptiest gets it.</summary>
    private int Move()
    {
        var given = 0;
        foreach (var worker in _workers)
        {
            worker.Connections -= worker.Wanted;
            given += worker.Wanted;
            worker.Wanted = 0;
        }
        for (var i = 0; i < given; i++)
            _workers.MinBy(worker => worker.Connections)!.Connections++;
        return given;
    }

    private sealed class Worker : IRebalancedWorker
    {
        public int First { get; init; }

        public int Slot { get; set; }

        public bool CanTake { get; set; } = true;

        public int Connections { get; set; }

        public int Wanted { get; set; }

        public List<int> Asked { get; } = [];

        public void GiveBack(int count)
        {
            Assert.InRange(count, 1, ConnectionRebalancer.MostAtOnce);
            Wanted = count;
            Asked.Add(count);
        }
    }
}
