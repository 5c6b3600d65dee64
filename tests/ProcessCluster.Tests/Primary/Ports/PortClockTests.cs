using System.Net;
using System.Net.Sockets;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>What happens with time, and that nothing ticks while nothing waits for it.</summary>
public sealed class PortClockTests : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly PortBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Ports_and_workers_that_wait_for_nothing_start_no_clock()
    {
        var worker = _bench.NewWorker(static options => options.RebalanceConnections = false);
        _bench.Serve(worker, PortBench.Any);
        _bench.AskUdp(worker, PortBench.Any);
        _bench.Turn();
        Assert.Equal((0, 0), (_bench.Clock.Starts, _bench.HoldClock.Starts));
    }

    [Fact]
    public void The_clock_runs_for_an_offer_until_it_is_answered()
    {
        var worker = _bench.NewWorker(static options => options.RebalanceConnections = false);
        var bound = _bench.Serve(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        var offer = _bench.Offer(worker);
        _bench.Turn();
        Assert.Equal(Tick, _bench.Clock.Interval);
        _bench.Pass(Tick);
        Assert.True(_bench.Clock.IsRunning);
        worker.Claim(offer);
        _bench.Turn();
        Assert.True(_bench.Clock.IsRunning);
        _bench.Pass(Tick);
        Assert.False(_bench.Clock.IsRunning);
        Assert.Equal((1, 0), (_bench.Clock.Starts, _bench.HoldClock.Starts));
    }

    [Fact]
    public void A_new_worker_is_looked_at_once_for_the_balance_of_connections()
    {
        var worker = _bench.NewWorker();
        _bench.Serve(worker, PortBench.Any);
        _bench.Turn();
        Assert.True(_bench.Clock.IsRunning);
        _bench.Pass(Tick);
        Assert.False(_bench.Clock.IsRunning);
    }

    [Fact]
    public void An_unanswered_offer_goes_to_an_idle_worker()
    {
        var (slow, idle) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(slow, PortBench.Any);
        var client = _bench.Connect(bound.EndPoint);
        var offer = _bench.Offer(slow);
        _bench.Pass(Tick);
        _bench.Serve(idle, PortBench.Any);
        _bench.Pass(Tick / 2);
        Assert.Equal(client.LocalEndPoint, idle.Take().Peer.ToEndPoint());
        Assert.False(slow.Board.TryClaim(offer.Number, ClusterConnectionState.Idle));

        // Until it answers, it gets none; then it is as good as the other.
        var next = _bench.Connect(bound.EndPoint);
        Assert.Equal(next.LocalEndPoint, _bench.Offer(idle).Peer.ToEndPoint());
        slow.Refuse(offer);
        _bench.Turn();
        _bench.Connect(bound.EndPoint);
        _bench.Offer(slow);
    }

    [Fact]
    public void Connections_that_waited_for_too_long_are_closed_and_logged_once()
    {
        var worker = _bench.NewWorker(static options => options.QueueTimeout = TimeSpan.FromSeconds(5));
        var bound = _bench.Bind(worker, PortBench.Any);
        Socket[] clients = [_bench.Connect(bound.EndPoint), _bench.Connect(bound.EndPoint)];
        _bench.Until(() => _bench.Waiting == 2);
        Assert.True(_bench.Clock.IsRunning);
        _bench.Pass(TimeSpan.FromSeconds(5) - Tick);
        Assert.Equal(2, _bench.Waiting);
        _bench.Pass(Tick);
        Assert.All(clients, client => Assert.Equal("", _bench.ReadToEnd(client)));
        Assert.Equal([$"10: 2 connections of {bound.EndPoint} waited 00:00:05 for a worker and were closed."], _bench.Logger.Lines);
        Assert.False(_bench.Clock.IsRunning);
    }

    [Fact]
    public void A_worker_that_declined_is_asked_again_at_the_next_tick()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        var client = _bench.Connect(bound.EndPoint);
        worker.Refuse(_bench.Offer(worker), OfferAnswer.Declined);
        _bench.Until(() => _bench.Waiting == 1);
        Assert.Null(worker.TryTake());
        _bench.Pass(Tick);
        Assert.Equal(client.LocalEndPoint, worker.Take().Peer.ToEndPoint());
    }

    [Fact]
    public void A_full_worker_gets_the_next_connection_when_it_says_that_it_has_room()
    {
        var worker = _bench.NewWorker(static options => options.MaxConnectionsPerWorker = 1);
        var bound = _bench.Serve(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        var offer = _bench.Offer(worker);
        worker.Claim(offer);
        var client = _bench.Connect(bound.EndPoint);
        _bench.Until(() => _bench.Waiting == 1);
        _bench.Pass(Tick);
        Assert.Null(worker.TryTake());
        offer.Socket.Dispose();
        Assert.True(worker.Board.ConnectionClosed(), "No notice of room was asked for.");
        worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
        Assert.Equal(client.LocalEndPoint, _bench.Offer(worker).Peer.ToEndPoint());
    }

    [Fact]
    public void Connections_are_held_for_a_worker_that_is_behind_and_not_for_long()
    {
        var (behind, ahead) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(behind, PortBench.Any);
        _bench.Serve(ahead, PortBench.Any);
        // Each has its turns, and then the one that answers is ahead of the other.
        for (var i = 0; _bench.Waiting == 0; i++)
        {
            Assert.InRange(i, 0, 100);
            _bench.Connect(bound.EndPoint);
            _bench.Turn();
            while (ahead.TryTake() is { } offer)
                ahead.Claim(offer);
            _bench.Turn();
        }
        Assert.Equal(TimeSpan.FromMilliseconds(5), _bench.HoldClock.Interval);
        _bench.Do(() => _bench.HoldClock.Tick());
        Assert.True(_bench.HoldClock.IsRunning);
        Assert.Null(ahead.TryTake());
        _bench.Time.Advance(TimeSpan.FromMilliseconds(400), static () => { });
        _bench.Do(() => _bench.HoldClock.Tick());
        _bench.Turn();
        Assert.NotNull(ahead.TryTake());
        Assert.False(_bench.HoldClock.IsRunning);
        Assert.Equal(0, _bench.Waiting);
    }

    [Fact]
    public void Uneven_workers_are_asked_to_give_connections_back_but_not_while_all_are_replaced()
    {
        var (full, empty) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(full, PortBench.Any);
        _bench.Serve(empty, PortBench.Any);
        _bench.Pass(Tick);
        Assert.False(_bench.Clock.IsRunning);
        for (var i = 0; i < 40; i++)
            full.Board.ConnectionOpened();
        _bench.Do(table => table.IsReloading = true);
        Poll(5);
        Assert.Empty(full.Told());
        _bench.Do(table => table.IsReloading = false);
        Poll(5);
        var asked = Assert.IsType<ControlMessage.GiveBack>(full.Told()[0]);
        Assert.Equal(bound.Port, asked.Port);
        Assert.InRange(asked.Count, 1, 20);
        Assert.Empty(empty.Told());
    }

    [Fact]
    public void While_a_worker_leaves_nothing_is_evened_out_until_it_gives_no_more()
    {
        var (full, empty, leaving) = (_bench.NewWorker(), _bench.NewWorker(), _bench.NewWorker());
        foreach (var worker in new[] { full, empty, leaving })
            _bench.Serve(worker, PortBench.Any);
        for (var i = 0; i < 40; i++)
            full.Board.ConnectionOpened();
        leaving.Board.ConnectionOpened();
        _bench.Leave(leaving);
        Poll(5);
        Assert.Empty(full.Told());
        _bench.Time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Poll(5);
        Assert.IsType<ControlMessage.GiveBack>(full.Told()[0]);
    }

    [Fact]
    public void A_datagram_that_nobody_receives_is_told_once_to_each_worker_that_has_the_socket()
    {
        var (one, other, none) = (_bench.NewWorker(), _bench.NewWorker(), _bench.NewWorker());
        _bench.AskUdp(one, PortBench.Any);
        _bench.AskUdp(other, PortBench.Any);
        using var first = one.TryTakeSocket(out _, out var port, out var address);
        using var second = other.TryTakeSocket(out _, out _, out _);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        client.SendTo([1], address.ToEndPoint()!);
        _bench.Until(() => _bench.Clock.IsRunning);
        Assert.Empty(one.Told());
        _bench.Pass(Tick);
        Assert.Equal([new ControlMessage.Unread(port)], one.Told());
        Assert.Equal([new ControlMessage.Unread(port)], other.Told());
        Assert.Empty(none.Told());

        // It was received: nothing is told any more, and the clock stops.
        using var view = new Socket(new SafeSocketHandle(first!.Number, ownsHandle: false));
        view.Receive(new byte[1]);
        _bench.Pass(Tick);
        _bench.Pass(Tick);
        Assert.Empty(one.Told());
        Assert.False(_bench.Clock.IsRunning);
        client.SendTo([1], address.ToEndPoint()!);
        _bench.Until(() => _bench.Clock.IsRunning);
        _bench.Pass(Tick);
        Assert.Equal([new ControlMessage.Unread(port)], one.Told());
    }

    [Fact]
    public void A_worker_that_has_closed_its_hand_off_socket_and_lives_on_is_at_fault()
    {
        var (living, ended, leaving) = (_bench.NewWorker(), _bench.NewWorker(), _bench.NewWorker());
        foreach (var worker in new[] { living, ended, leaving })
        {
            _bench.Serve(worker, PortBench.Any);
            worker.CloseSocket();
        }
        ended.Handle.ExitSeen = true;
        leaving.Handle.Life = leaving.Handle.Life with { State = WorkerState.Disconnected };
        _bench.Turn();
        _bench.Time.Advance(TimeSpan.FromSeconds(4), static () => { });
        Poll(1);
        Assert.Empty(_bench.Faults);
        _bench.Time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Poll(1);
        Poll(1);
        Assert.Equal(["1: it has closed its hand-off socket, over which its connections come."], _bench.Faults);
    }

    /// <summary>Polls as every second, and lets the clock tick as long as it runs.</summary>
    private void Poll(int ticks)
    {
        _bench.Do(table => table.Poll());
        for (var i = 0; i < ticks; i++)
            _bench.Pass(Tick);
    }
}
