using System.Net;
using System.Net.Sockets;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>What happens with time, and that nothing ticks while nothing waits for it.</summary>
public sealed class PortClockTests : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly PortFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Ports_and_workers_that_wait_for_nothing_start_no_clock()
    {
        var worker = _fixture.NewWorker(static options => options.RebalanceConnections = false);
        _fixture.Serve(worker, PortFixture.Any);
        _fixture.AskUdp(worker, PortFixture.Any);
        _fixture.Turn();
        Assert.Equal((0, 0), (_fixture.Clock.Starts, _fixture.HoldClock.Starts));
    }

    [Fact]
    public void The_clock_runs_for_an_offer_until_it_is_answered()
    {
        var worker = _fixture.NewWorker(static options => options.RebalanceConnections = false);
        var bound = _fixture.Serve(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        var offer = _fixture.Offer(worker);
        _fixture.Turn();
        Assert.Equal(Tick, _fixture.Clock.Interval);
        _fixture.Pass(Tick);
        Assert.True(_fixture.Clock.IsRunning);
        worker.Claim(offer);
        _fixture.Turn();
        Assert.True(_fixture.Clock.IsRunning);
        _fixture.Pass(Tick);
        Assert.False(_fixture.Clock.IsRunning);
        Assert.Equal((1, 0), (_fixture.Clock.Starts, _fixture.HoldClock.Starts));
    }

    [Fact]
    public void A_new_worker_is_looked_at_once_for_the_balance_of_connections()
    {
        var worker = _fixture.NewWorker();
        _fixture.Serve(worker, PortFixture.Any);
        _fixture.Turn();
        Assert.True(_fixture.Clock.IsRunning);
        _fixture.Pass(Tick);
        Assert.False(_fixture.Clock.IsRunning);
    }

    [Fact]
    public void An_unanswered_offer_goes_to_an_idle_worker()
    {
        var (slow, idle) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(slow, PortFixture.Any);
        var client = _fixture.Connect(bound.EndPoint);
        var offer = _fixture.Offer(slow);
        _fixture.Pass(Tick);
        _fixture.Serve(idle, PortFixture.Any);
        _fixture.Pass(Tick / 2);
        Assert.Equal(client.LocalEndPoint, idle.Take().Peer.ToEndPoint());
        Assert.False(slow.Board.TryClaim(offer.Number, ClusterConnectionState.Idle));

        // Until it answers, it gets none; then it is as good as the other.
        var next = _fixture.Connect(bound.EndPoint);
        Assert.Equal(next.LocalEndPoint, _fixture.Offer(idle).Peer.ToEndPoint());
        slow.Refuse(offer);
        _fixture.Turn();
        _fixture.Connect(bound.EndPoint);
        _fixture.Offer(slow);
    }

    [Fact]
    public void Connections_that_waited_for_too_long_are_closed_and_logged_once()
    {
        var worker = _fixture.NewWorker(static options => options.QueueTimeout = TimeSpan.FromSeconds(5));
        var bound = _fixture.Bind(worker, PortFixture.Any);
        Socket[] clients = [_fixture.Connect(bound.EndPoint), _fixture.Connect(bound.EndPoint)];
        _fixture.Until(() => _fixture.Waiting == 2);
        Assert.True(_fixture.Clock.IsRunning);
        _fixture.Pass(TimeSpan.FromSeconds(5) - Tick);
        Assert.Equal(2, _fixture.Waiting);
        _fixture.Pass(Tick);
        Assert.All(clients, client => Assert.Equal("", _fixture.ReadToEnd(client)));
        Assert.Equal([$"10: 2 connections of {bound.EndPoint} waited 00:00:05 for a worker and were closed."], _fixture.Logger.Lines);
        Assert.False(_fixture.Clock.IsRunning);
    }

    [Fact]
    public void A_worker_that_declined_is_asked_again_at_the_next_tick()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        var client = _fixture.Connect(bound.EndPoint);
        worker.Refuse(_fixture.Offer(worker), OfferAnswer.Declined);
        _fixture.Until(() => _fixture.Waiting == 1);
        Assert.Null(worker.TryTake());
        _fixture.Pass(Tick);
        Assert.Equal(client.LocalEndPoint, worker.Take().Peer.ToEndPoint());
    }

    [Fact]
    public void A_full_worker_gets_the_next_connection_when_it_says_that_it_has_room()
    {
        var worker = _fixture.NewWorker(static options => options.MaxConnectionsPerWorker = 1);
        var bound = _fixture.Serve(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        var offer = _fixture.Offer(worker);
        worker.Claim(offer);
        var client = _fixture.Connect(bound.EndPoint);
        _fixture.Until(() => _fixture.Waiting == 1);
        _fixture.Pass(Tick);
        Assert.Null(worker.TryTake());
        offer.Socket.Dispose();
        Assert.True(worker.Board.ConnectionClosed(), "No notice of room was asked for.");
        worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
        Assert.Equal(client.LocalEndPoint, _fixture.Offer(worker).Peer.ToEndPoint());
    }

    [Fact]
    public void Connections_are_held_for_a_worker_that_is_behind_and_not_for_long()
    {
        var (behind, ahead) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(behind, PortFixture.Any);
        _fixture.Serve(ahead, PortFixture.Any);
        // Each has its turns, and then the one that answers is ahead of the other.
        for (var i = 0; _fixture.Waiting == 0; i++)
        {
            Assert.InRange(i, 0, 100);
            _fixture.Connect(bound.EndPoint);
            _fixture.Turn();
            while (ahead.TryTake() is { } offer)
                ahead.Claim(offer);
            _fixture.Turn();
        }
        Assert.Equal(TimeSpan.FromMilliseconds(5), _fixture.HoldClock.Interval);
        _fixture.Do(() => _fixture.HoldClock.Tick());
        Assert.True(_fixture.HoldClock.IsRunning);
        Assert.Null(ahead.TryTake());
        _fixture.Time.Advance(TimeSpan.FromMilliseconds(400), static () => { });
        _fixture.Do(() => _fixture.HoldClock.Tick());
        _fixture.Turn();
        Assert.NotNull(ahead.TryTake());
        Assert.False(_fixture.HoldClock.IsRunning);
        Assert.Equal(0, _fixture.Waiting);
    }

    [Fact]
    public void Uneven_workers_are_asked_to_give_connections_back_but_not_while_all_are_replaced()
    {
        var (full, empty) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(full, PortFixture.Any);
        _fixture.Serve(empty, PortFixture.Any);
        _fixture.Pass(Tick);
        Assert.False(_fixture.Clock.IsRunning);
        for (var i = 0; i < 40; i++)
            full.Board.ConnectionOpened();
        _fixture.Do(table => table.IsReloading = true);
        Poll(5);
        Assert.Empty(full.Told());
        _fixture.Do(table => table.IsReloading = false);
        Poll(5);
        var asked = Assert.IsType<ControlMessage.GiveBack>(full.Told()[0]);
        Assert.Equal(bound.Port, asked.Port);
        Assert.InRange(asked.Count, 1, 20);
        Assert.Empty(empty.Told());
    }

    [Fact]
    public void While_a_worker_leaves_nothing_is_evened_out_until_it_gives_no_more()
    {
        var (full, empty, leaving) = (_fixture.NewWorker(), _fixture.NewWorker(), _fixture.NewWorker());
        foreach (var worker in new[] { full, empty, leaving })
            _fixture.Serve(worker, PortFixture.Any);
        for (var i = 0; i < 40; i++)
            full.Board.ConnectionOpened();
        leaving.Board.ConnectionOpened();
        _fixture.Leave(leaving);
        Poll(5);
        Assert.Empty(full.Told());
        _fixture.Time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Poll(5);
        Assert.IsType<ControlMessage.GiveBack>(full.Told()[0]);
    }

    [Fact]
    public void A_datagram_that_nobody_receives_is_told_once_to_each_worker_that_has_the_socket()
    {
        var (one, other, none) = (_fixture.NewWorker(), _fixture.NewWorker(), _fixture.NewWorker());
        _fixture.AskUdp(one, PortFixture.Any);
        _fixture.AskUdp(other, PortFixture.Any);
        using var first = one.TryTakeSocket(out _, out var port, out var address);
        using var second = other.TryTakeSocket(out _, out _, out _);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        client.SendTo([1], address.ToEndPoint()!);
        _fixture.Until(() => _fixture.Clock.IsRunning);
        Assert.Empty(one.Told());
        _fixture.Pass(Tick);
        Assert.Equal([new ControlMessage.Unread(port)], one.Told());
        Assert.Equal([new ControlMessage.Unread(port)], other.Told());
        Assert.Empty(none.Told());

        // It was received: nothing is told any more, and the clock stops.
        using var view = new Socket(new SafeSocketHandle(first!.Number, ownsHandle: false));
        view.Receive(new byte[1]);
        _fixture.Pass(Tick);
        _fixture.Pass(Tick);
        Assert.Empty(one.Told());
        Assert.False(_fixture.Clock.IsRunning);
        client.SendTo([1], address.ToEndPoint()!);
        _fixture.Until(() => _fixture.Clock.IsRunning);
        _fixture.Pass(Tick);
        Assert.Equal([new ControlMessage.Unread(port)], one.Told());
    }

    [Fact]
    public void A_worker_that_has_closed_its_hand_off_socket_and_lives_on_is_at_fault()
    {
        var (living, ended, leaving) = (_fixture.NewWorker(), _fixture.NewWorker(), _fixture.NewWorker());
        foreach (var worker in new[] { living, ended, leaving })
        {
            _fixture.Serve(worker, PortFixture.Any);
            worker.CloseSocket();
        }
        ended.Handle.ExitSeen = true;
        leaving.Handle.Life = leaving.Handle.Life with { State = WorkerState.Disconnected };
        _fixture.Turn();
        _fixture.Time.Advance(TimeSpan.FromSeconds(4), static () => { });
        Poll(1);
        Assert.Empty(_fixture.Faults);
        _fixture.Time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Poll(1);
        Poll(1);
        Assert.Equal(["1: it has closed its hand-off socket, over which its connections come."], _fixture.Faults);
    }

    /// <summary>Polls as every second, and lets the clock tick as long as it runs.</summary>
    private void Poll(int ticks)
    {
        _fixture.Do(table => table.Poll());
        for (var i = 0; i < ticks; i++)
            _fixture.Pass(Tick);
    }
}
