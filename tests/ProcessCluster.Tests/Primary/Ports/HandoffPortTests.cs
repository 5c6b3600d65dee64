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

    private readonly PortFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(WhenFull.Close, "")]
    [InlineData(WhenFull.Reset, "(reset)")]
    [InlineData(WhenFull.ServiceUnavailable, Unavailable)]
    public void A_connection_past_the_limit_is_refused(WhenFull how, string answer)
    {
        var worker = NewWorker(how);
        var bound = _fixture.Bind(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        _fixture.Until(() => _fixture.Waiting == 1);
        var refused = _fixture.Connect(bound.EndPoint);
        Assert.Equal(answer, _fixture.ReadToEnd(refused));
        Assert.Equal(1, _fixture.Waiting);
        Assert.True(_fixture.Clock.IsRunning);
        refused.Close();
        _fixture.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(1, _fixture.Waiting);
    }

    [Theory]
    [InlineData(WhenFull.Close, "")]
    [InlineData(WhenFull.Reset, "(reset)")]
    [InlineData(WhenFull.ServiceUnavailable, Unavailable)]
    public void A_connection_that_waited_for_too_long_ends_in_the_same_way(WhenFull how, string answer)
    {
        var worker = NewWorker(how);
        var client = _fixture.Connect(_fixture.Bind(worker, PortFixture.Any).EndPoint);
        _fixture.Until(() => _fixture.Waiting == 1);
        _fixture.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(answer, _fixture.ReadToEnd(client));
        Assert.Equal(0, _fixture.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_connection_that_a_worker_has_left_lingering_holds_nobody_up(bool isEnding)
    {
        var worker = NewWorker(WhenFull.Close);
        var bound = _fixture.Serve(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        var offer = _fixture.Offer(worker);
        worker.Answer(offer.Number, OfferAnswer.Declined);
        _fixture.Until(() => _fixture.Waiting == 1);
        Lingering.Begin(offer.Socket);
        offer.Socket.Dispose();
        var since = Stopwatch.GetTimestamp();
        if (isEnding)
            _fixture.Do(table => table.Clear());
        else
            _fixture.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(0, _fixture.Waiting);
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Lingering.Time / 2);
    }

    [Fact]
    public void Past_the_limit_accepting_pauses_until_there_is_room()
    {
        var worker = NewWorker(WhenFull.Pause);
        var bound = _fixture.Bind(worker, PortFixture.Any);
        var (first, second) = (_fixture.Connect(bound.EndPoint), _fixture.Connect(bound.EndPoint));
        _fixture.Until(() => _fixture.Waiting == 1);
        _fixture.Turn();
        Assert.Equal(1, _fixture.Waiting);
        Assert.NotNull(_fixture.Do(table => table.StartListening(worker.Handle, bound.Port)));
        _fixture.Do(table => table.Admit(worker.Handle));
        Assert.Equal(first.LocalEndPoint, _fixture.Offer(worker).Peer.ToEndPoint());
        Assert.Equal(second.LocalEndPoint, _fixture.Offer(worker).Peer.ToEndPoint());
    }

    [Fact]
    public void A_worker_has_at_most_8_unanswered_offers_at_a_port()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        for (var i = 0; i < 10; i++)
            _fixture.Connect(bound.EndPoint);
        _fixture.Until(() => _fixture.Waiting == 2);
        List<TestWorker.Offer> offers = [];
        while (worker.TryTake() is { } offer)
            offers.Add(offer);
        Assert.Equal(8, offers.Count);
        worker.Claim(offers[3]);
        _fixture.Offer(worker);
        Assert.Equal(1, _fixture.Waiting);
    }

    [Fact]
    public void Workers_have_their_turns()
    {
        TestWorker[] workers = [_fixture.NewWorker(), _fixture.NewWorker(), _fixture.NewWorker()];
        EndPoint? endPoint = null;
        foreach (var worker in workers)
            endPoint = _fixture.Serve(worker, PortFixture.Any).EndPoint;
        for (var i = 0; i < 6; i++)
        {
            _fixture.Connect(endPoint!);
            _fixture.Offer(workers[i % 3]);
        }
        Assert.All(workers, static worker => Assert.Null(worker.TryTake()));
    }

    [Fact]
    public void A_policy_that_throws_costs_the_connection()
    {
        var worker = _fixture.NewWorker(static options => options.CustomDispatch = static () => new Throwing());
        var bound = _fixture.Serve(worker, PortFixture.Any);
        Assert.Equal("", _fixture.ReadToEnd(_fixture.Connect(bound.EndPoint)));
        Assert.Equal([$"33: The dispatch policy of {bound.EndPoint} threw. The connection is closed."], _fixture.Logger.Lines);
        Assert.Empty(_fixture.Faults);
    }

    [Fact]
    public void A_port_that_closes_offers_what_the_kernel_has_made_already()
    {
        var (worker, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(worker, PortFixture.Any, new ClusterListenOptions { ReportsState = true });
        var ended = _fixture.Do(table =>
        {
            // The loop sees no connection before the port closes.
            var client = _fixture.Connect(bound.EndPoint);
            Assert.True(client.Poll(TimeSpan.FromSeconds(10), SelectMode.SelectWrite));
            table.Clear();
            return client;
        });
        Assert.Equal(ended.LocalEndPoint, _fixture.Offer(worker).Peer.ToEndPoint());
        Assert.Null(other.TryTake());
    }

    [Fact]
    public void A_port_that_closes_offers_no_client_whose_PROXY_header_nobody_has_read()
    {
        var worker = _fixture.NewWorker(static options => options.ProxyProtocol = true);
        var bound = _fixture.Serve(worker, PortFixture.Any);
        var client = _fixture.Do(table =>
        {
            var client = _fixture.Connect(bound.EndPoint);
            client.Send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"u8);
            table.Clear();
            return client;
        });
        Assert.Equal("(reset)", _fixture.ReadToEnd(client));
        Assert.Null(worker.TryTake());
    }

    [Fact]
    public void The_address_in_a_PROXY_header_is_the_clients()
    {
        var worker = _fixture.NewWorker(static options => options.ProxyProtocol = true);
        var bound = _fixture.Serve(worker, PortFixture.Any);
        var header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"u8;
        _fixture.Connect(bound.EndPoint).Send(header);
        var offer = _fixture.Offer(worker);
        Assert.Equal(IPEndPoint.Parse("192.0.2.1:1"), offer.Peer.ToEndPoint());
        Assert.Equal(header.Length, offer.Skip);
        Assert.Equal("(reset)", _fixture.ReadToEnd(Liar())); // Closed with bytes that nobody has read.
        Assert.Null(worker.TryTake());

        Socket Liar()
        {
            var client = _fixture.Connect(bound.EndPoint);
            client.Send("GET / HTTP/1.1\r\n\r\n"u8);
            client.Shutdown(SocketShutdown.Send);
            return client;
        }
    }

    [Fact]
    public void Connections_are_kept_only_where_workers_report_their_state()
    {
        var worker = _fixture.NewWorker(static options => options.ConnectionSurvival.Enabled = true);
        var plain = _fixture.Serve(worker, PortFixture.Any);
        var reporting = _fixture.Serve(worker, PortFixture.Any, new ClusterListenOptions { ReportsState = true });
        var exclusive = _fixture.Serve(worker, PortFixture.Any, new ClusterListenOptions { ReportsState = true, Exclusive = true });
        foreach (var (bound, kinds) in new[] { (plain, OfferKinds.None), (reporting, OfferKinds.Kept), (exclusive, OfferKinds.None) })
        {
            _fixture.Connect(bound.EndPoint);
            Assert.Equal((bound.Port, kinds), _fixture.Offer(worker) is var offer ? (offer.Port, offer.Kinds) : default);
        }
    }

    /// <summary>A worker whose port lets one connection wait, for 5 s.</summary>
    private TestWorker NewWorker(WhenFull how) => _fixture.NewWorker(options =>
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
