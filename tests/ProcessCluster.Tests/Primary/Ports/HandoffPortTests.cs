using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>Connections that no worker can take, and the ways in which a port ends.</summary>
public sealed class HandoffPortTests : IDisposable
{
    private const string Unavailable = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n";

    private readonly PortBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(WhenFull.Close, "")]
    [InlineData(WhenFull.Reset, "(reset)")]
    [InlineData(WhenFull.ServiceUnavailable, Unavailable)]
    public void A_connection_past_the_limit_is_refused(WhenFull how, string answer)
    {
        var worker = NewWorker(how);
        var bound = _bench.Bind(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        _bench.Until(() => _bench.Waiting == 1);
        var refused = _bench.Connect(bound.EndPoint);
        Assert.Equal(answer, _bench.ReadToEnd(refused));
        Assert.Equal(1, _bench.Waiting);
        Assert.True(_bench.Clock.IsRunning);
        refused.Close();
        _bench.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(1, _bench.Waiting);
    }

    [Theory]
    [InlineData(WhenFull.Close, "")]
    [InlineData(WhenFull.Reset, "(reset)")]
    [InlineData(WhenFull.ServiceUnavailable, Unavailable)]
    public void A_connection_that_waited_for_too_long_ends_in_the_same_way(WhenFull how, string answer)
    {
        var worker = NewWorker(how);
        var client = _bench.Connect(_bench.Bind(worker, PortBench.Any).EndPoint);
        _bench.Until(() => _bench.Waiting == 1);
        _bench.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(answer, _bench.ReadToEnd(client));
        Assert.Equal(0, _bench.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_connection_that_a_worker_has_left_lingering_holds_nobody_up(bool isEnding)
    {
        var worker = NewWorker(WhenFull.Close);
        var bound = _bench.Serve(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        var offer = _bench.Offer(worker);
        worker.Answer(offer.Number, OfferAnswer.Declined);
        _bench.Until(() => _bench.Waiting == 1);
        Lingering.Begin(offer.Socket);
        offer.Socket.Dispose();
        var since = Stopwatch.GetTimestamp();
        if (isEnding)
            _bench.Do(table => table.Clear());
        else
            _bench.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(0, _bench.Waiting);
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Lingering.Time / 2);
    }

    [Fact]
    public void Past_the_limit_accepting_pauses_until_there_is_room()
    {
        var worker = NewWorker(WhenFull.Pause);
        var bound = _bench.Bind(worker, PortBench.Any);
        var (first, second) = (_bench.Connect(bound.EndPoint), _bench.Connect(bound.EndPoint));
        _bench.Until(() => _bench.Waiting == 1);
        _bench.Turn();
        Assert.Equal(1, _bench.Waiting);
        Assert.NotNull(_bench.Do(table => table.Candidate(worker.Handle, bound.Port)));
        _bench.Do(table => table.Admit(worker.Handle));
        Assert.Equal(first.LocalEndPoint, _bench.Offer(worker).Peer.ToEndPoint());
        Assert.Equal(second.LocalEndPoint, _bench.Offer(worker).Peer.ToEndPoint());
    }

    [Fact]
    public void A_worker_has_at_most_8_unanswered_offers_at_a_port()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        for (var i = 0; i < 10; i++)
            _bench.Connect(bound.EndPoint);
        _bench.Until(() => _bench.Waiting == 2);
        List<TestWorker.Offer> offers = [];
        while (worker.TryTake() is { } offer)
            offers.Add(offer);
        Assert.Equal(8, offers.Count);
        worker.Claim(offers[3]);
        _bench.Offer(worker);
        Assert.Equal(1, _bench.Waiting);
    }

    [Fact]
    public void Workers_have_their_turns()
    {
        TestWorker[] workers = [_bench.NewWorker(), _bench.NewWorker(), _bench.NewWorker()];
        EndPoint? endPoint = null;
        foreach (var worker in workers)
            endPoint = _bench.Serve(worker, PortBench.Any).EndPoint;
        for (var i = 0; i < 6; i++)
        {
            _bench.Connect(endPoint!);
            _bench.Offer(workers[i % 3]);
        }
        Assert.All(workers, static worker => Assert.Null(worker.TryTake()));
    }

    [Fact]
    public void A_policy_that_throws_costs_the_connection()
    {
        var worker = _bench.NewWorker(static options => options.CustomDispatch = static () => new Throwing());
        var bound = _bench.Serve(worker, PortBench.Any);
        Assert.Equal("", _bench.ReadToEnd(_bench.Connect(bound.EndPoint)));
        Assert.Equal([$"33: The dispatch policy of {bound.EndPoint} threw. The connection is closed."], _bench.Logger.Lines);
        Assert.Empty(_bench.Faults);
    }

    [Fact]
    public void A_port_that_closes_offers_what_the_kernel_has_made_already()
    {
        var (worker, other) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(worker, PortBench.Any, new ClusterListenOptions { ReportsState = true });
        var ended = _bench.Do(table =>
        {
            // The loop sees no connection before the port closes.
            var client = _bench.Connect(bound.EndPoint);
            Assert.True(client.Poll(TimeSpan.FromSeconds(10), SelectMode.SelectWrite));
            table.Clear();
            return client;
        });
        Assert.Equal(ended.LocalEndPoint, _bench.Offer(worker).Peer.ToEndPoint());
        Assert.Null(other.TryTake());
    }

    [Fact]
    public void A_port_that_closes_offers_no_client_whose_PROXY_header_nobody_has_read()
    {
        var worker = _bench.NewWorker(static options => options.ProxyProtocol = true);
        var bound = _bench.Serve(worker, PortBench.Any);
        var client = _bench.Do(table =>
        {
            var client = _bench.Connect(bound.EndPoint);
            client.Send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"u8);
            table.Clear();
            return client;
        });
        Assert.Equal("(reset)", _bench.ReadToEnd(client));
        Assert.Null(worker.TryTake());
    }

    [Fact]
    public void The_address_in_a_PROXY_header_is_the_clients()
    {
        var worker = _bench.NewWorker(static options => options.ProxyProtocol = true);
        var bound = _bench.Serve(worker, PortBench.Any);
        var header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"u8;
        _bench.Connect(bound.EndPoint).Send(header);
        var offer = _bench.Offer(worker);
        Assert.Equal(IPEndPoint.Parse("192.0.2.1:1"), offer.Peer.ToEndPoint());
        Assert.Equal(header.Length, offer.Skip);
        Assert.Equal("(reset)", _bench.ReadToEnd(Liar())); // Closed with bytes that nobody has read.
        Assert.Null(worker.TryTake());

        Socket Liar()
        {
            var client = _bench.Connect(bound.EndPoint);
            client.Send("GET / HTTP/1.1\r\n\r\n"u8);
            client.Shutdown(SocketShutdown.Send);
            return client;
        }
    }

    [Fact]
    public void Connections_are_kept_only_where_workers_report_their_state()
    {
        var worker = _bench.NewWorker(static options => options.ConnectionSurvival.Enabled = true);
        var plain = _bench.Serve(worker, PortBench.Any);
        var reporting = _bench.Serve(worker, PortBench.Any, new ClusterListenOptions { ReportsState = true });
        var exclusive = _bench.Serve(worker, PortBench.Any, new ClusterListenOptions { ReportsState = true, Exclusive = true });
        foreach (var (bound, kinds) in new[] { (plain, OfferKinds.None), (reporting, OfferKinds.Kept), (exclusive, OfferKinds.None) })
        {
            _bench.Connect(bound.EndPoint);
            Assert.Equal((bound.Port, kinds), _bench.Offer(worker) is var offer ? (offer.Port, offer.Kinds) : default);
        }
    }

    /// <summary>A worker whose port lets one connection wait, for 5 s.</summary>
    private TestWorker NewWorker(WhenFull how) => _bench.NewWorker(options =>
    {
        options.WhenFull = how;
        options.MaxWaitingConnections = 1;
        options.QueueTimeout = TimeSpan.FromSeconds(5);
    });

    private sealed class Throwing : IDispatchPolicy
    {
        public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> candidates) => throw new InvalidOperationException("no choice");
    }
}
