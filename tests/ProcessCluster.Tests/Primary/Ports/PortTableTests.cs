using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>Workers that come, listen, close, leave and end, and the connections that go with them.</summary>
public sealed class PortTableTests : IDisposable
{
    private readonly PortBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void A_worker_gets_connections_when_it_listens_and_is_admitted()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Bind(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        _bench.Until(() => _bench.Waiting == 1);
        Assert.NotNull(_bench.Do(table => table.Candidate(worker.Handle, bound.Port)));
        _bench.Turn();
        Assert.Null(worker.TryTake());
        _bench.Do(table => table.Admit(worker.Handle));
        Assert.Equal(bound.Port, worker.Take().Port);
        Assert.Equal(0, _bench.Waiting);
    }

    [Fact]
    public void A_worker_that_is_admitted_gets_connections_when_it_listens()
    {
        var worker = _bench.NewWorker();
        _bench.Do(table => table.Admit(worker.Handle));
        var bound = _bench.Bind(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        _bench.Until(() => _bench.Waiting == 1);
        Assert.NotNull(_bench.Do(table => table.Candidate(worker.Handle, bound.Port)));
        worker.Take();
        _bench.Do(table => table.Admit(worker.Handle));
        Assert.Null(_bench.Do(table => table.Candidate(worker.Handle, bound.Port)));
        _bench.Connect(bound.EndPoint);
        _bench.Offer(worker);
        _bench.Turn();
        Assert.Null(worker.TryTake());
    }

    [Fact]
    public void A_worker_cannot_listen_on_what_it_has_not_asked_for()
    {
        var (one, other) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Bind(one, PortBench.Any);
        Assert.Null(_bench.Do(table => table.Candidate(other.Handle, bound.Port)));
        Assert.Null(_bench.Do(table => table.Candidate(one.Handle, bound.Port + 1)));
        _bench.Leave(one);
        Assert.Null(_bench.Do(table => table.Candidate(one.Handle, bound.Port)));
        _bench.End(one);
        Assert.Null(_bench.Do(table => table.Candidate(one.Handle, bound.Port)));
        _bench.Do(table =>
        {
            table.CloseListener(other.Handle, bound.Port);
            table.CloseListener(one.Handle, bound.Port);
            table.StopOffering(one.Handle);
            table.Admit(one.Handle);
        });
        Assert.False(_bench.IsRefused(bound.EndPoint));
    }

    [Fact]
    public void A_port_closes_when_its_last_worker_closes_it()
    {
        var (one, other) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(one, PortBench.Any);
        _bench.Bind(other, PortBench.Any);
        _bench.Do(table => table.CloseListener(one.Handle, bound.Port));
        _bench.Connect(bound.EndPoint);
        _bench.Turn();
        Assert.Null(one.TryTake());
        _bench.Do(table => table.CloseListener(other.Handle, bound.Port));
        Assert.True(_bench.IsRefused(bound.EndPoint));
        Assert.NotEqual(bound.Port, _bench.Bind(one, bound.EndPoint).Port);
    }

    [Fact]
    public void A_port_stays_when_its_last_worker_leaves_or_ends()
    {
        var (leaving, ending) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(leaving, PortBench.Any);
        _bench.Serve(ending, PortBench.Any);
        _bench.Leave(leaving);
        _bench.End(ending);
        _bench.Do(table => table.CloseListener(leaving.Handle, bound.Port));
        var client = _bench.Connect(bound.EndPoint);
        _bench.Until(() => _bench.Waiting == 1);
        var next = _bench.NewWorker();
        Assert.Equal(bound.Port, _bench.Serve(next, PortBench.Any).Port);
        Assert.Equal(client.LocalEndPoint, _bench.Offer(next).Peer.ToEndPoint());
    }

    [Fact]
    public void What_a_dead_worker_has_not_taken_goes_to_others_in_order()
    {
        var (dying, other) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(dying, PortBench.Any);
        List<EndPoint> clients = [];
        for (var i = 0; i < 10; i++)
        {
            clients.Add(_bench.Connect(bound.EndPoint).LocalEndPoint!);
            _bench.Until(() => _bench.Waiting == Math.Max(0, i - 7)); // 8 are offered.
        }
        _bench.Serve(other, PortBench.Any);
        _bench.Turn();
        var taken = Take(other);
        Assert.Equal(clients[8..], taken.Select(static offer => (EndPoint)offer.Peer.ToEndPoint()!));
        taken.ForEach(other.Claim);
        _bench.Turn();
        _bench.End(dying);
        Assert.Equal(clients[..8], Take(other).Select(static offer => (EndPoint)offer.Peer.ToEndPoint()!));
    }

    [Fact]
    public void A_connection_that_a_worker_gives_back_goes_to_another_one()
    {
        var (giving, other) = (_bench.NewWorker(), _bench.NewWorker());
        var bound = _bench.Serve(giving, PortBench.Any);
        var client = _bench.Connect(bound.EndPoint);
        var offer = _bench.Offer(giving);
        giving.Claim(offer);
        _bench.Turn();
        Assert.False(_bench.Do(table => table.CanMoveFrom(giving.Handle)));
        _bench.Serve(other, PortBench.Any);
        Assert.True(_bench.Do(table => table.CanMoveFrom(giving.Handle)));
        _bench.Leave(giving);
        Assert.True(_bench.Do(table => table.CanMoveFrom(giving.Handle)));
        Assert.False(_bench.Do(table => table.CanMoveFrom(other.Handle)));
        giving.Return(HandoffCodec.NoOffer, bound.Port, offer.Socket, offer.Peer);
        offer.Socket.Dispose();
        var moved = _bench.Offer(other);
        Assert.Equal(OfferKinds.Moved, moved.Kinds);
        Assert.Equal(client.LocalEndPoint, moved.Peer.ToEndPoint());
        Assert.Equal(1, giving.Handle.ConnectionsMoved);
        Assert.Empty(_bench.Faults);
    }

    [Theory]
    [InlineData(AddressFamily.InterNetworkV6, SocketType.Stream)]
    [InlineData(AddressFamily.Unix, SocketType.Stream)]
    [InlineData(AddressFamily.InterNetwork, SocketType.Dgram)]
    public void What_is_no_connection_of_the_port_is_the_fault_of_the_worker(AddressFamily family, SocketType type)
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        worker.Claim(_bench.Offer(worker));
        using var other = new Socket(family, type, ProtocolType.Unspecified);
        using var copy = Descriptor.DuplicateOf((int)other.Handle);
        worker.Return(HandoffCodec.NoOffer, bound.Port, copy);
        _bench.Until(() => _bench.Faults.Count > 0);
        Assert.Equal(["1: it gave back a descriptor that is no connection of the port."], _bench.Faults);
        Assert.Equal(0, worker.Handle.ConnectionsMoved);
    }

    [Fact]
    public void A_connection_of_a_port_that_is_closed_ends()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        var client = _bench.Connect(bound.EndPoint);
        var offer = _bench.Offer(worker);
        worker.Claim(offer);
        _bench.Turn();
        _bench.Do(table => table.CloseListener(worker.Handle, bound.Port));
        worker.Return(HandoffCodec.NoOffer, bound.Port, offer.Socket, offer.Peer);
        offer.Socket.Dispose();
        Assert.Equal("", _bench.ReadToEnd(client));
        Assert.Empty(_bench.Faults);
    }

    [Fact]
    public void Lacks_of_descriptors_are_logged()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        worker.Claim(_bench.Offer(worker));
        Span<byte> message = new byte[64];
        worker.Send(message[..HandoffCodec.WriteReturned(message, HandoffCodec.NoOffer, bound.Port, default)]);
        _bench.Connect(bound.EndPoint);
        worker.Refuse(_bench.Offer(worker), OfferAnswer.Exhausted);
        _bench.Until(() => _bench.Logger.Lines.Count == 2);
        Assert.Single(_bench.Logger.Lines, static line => line.StartsWith("35: No descriptor was left for a connection that worker 1 gave back", StringComparison.Ordinal));
        Assert.Single(_bench.Logger.Lines, static line => line.StartsWith("60: ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_worker_that_refuses_gets_no_more_until_it_listens_again()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        _bench.Connect(bound.EndPoint);
        worker.Refuse(_bench.Offer(worker));
        _bench.Until(() => _bench.Waiting == 1);
        _bench.Pass(TimeSpan.FromMilliseconds(100));
        Assert.Null(worker.TryTake());
        _bench.Bind(_bench.NewWorker(), PortBench.Any); // Else it would close with the worker's use.
        _bench.Do(table => table.CloseListener(worker.Handle, bound.Port));
        _bench.Serve(worker, PortBench.Any);
        worker.Take();
    }

    [Fact]
    public void A_socket_that_does_not_fit_is_delivered_later()
    {
        var worker = _bench.NewWorker(static options => options.Mode = ListenMode.SharedListener);
        var asked = 0;
        while (!_bench.Clock.IsRunning)
        {
            Assert.Null(_bench.AskUdp(worker, PortBench.Any));
            _bench.Turn();
            Assert.InRange(++asked, 1, Board.MaxPorts - 2);
        }
        Assert.Null(_bench.Ask(worker, PortBench.Any));
        _bench.Pass(TimeSpan.FromMilliseconds(100));
        Assert.True(_bench.Clock.IsRunning);
        List<int> ports = [];
        while (worker.TryTakeSocket(out _, out var port, out _) is { } socket)
        {
            socket.Dispose();
            ports.Add(port);
        }
        Assert.Equal(asked - 1, ports.Count);
        _bench.Do(table => table.CloseListener(worker.Handle, asked)); // Nobody wants the first of those that wait.
        _bench.Pass(TimeSpan.FromMilliseconds(100));
        using var late = worker.TryTakeSocket(out _, out var last, out _);
        Assert.Equal(asked + 1, last);
        Assert.Null(worker.TryTakeSocket(out _, out _, out _));
        Assert.False(_bench.Clock.IsRunning);
    }

    [Fact]
    public void What_could_not_be_delivered_is_refused_when_the_cluster_ends()
    {
        var worker = _bench.NewWorker(static options => options.Mode = ListenMode.ReusePort);
        for (var asked = 0; !_bench.Clock.IsRunning; asked++)
        {
            Assert.InRange(asked, 0, Board.MaxPorts - 1);
            Assert.Null(_bench.Ask(worker, PortBench.Any));
            _bench.Turn();
        }
        worker.Told();
        _bench.Do(table => table.Clear());
        var refusal = Assert.IsType<ControlMessage.NotBound>(Assert.Single(worker.Told()));
        Assert.Equal(SocketError.Shutdown, (SocketError)refusal.SocketError);
        Assert.Equal("the cluster is being disconnected", refusal.Reason);
    }

    [Fact]
    public void When_the_cluster_ends_all_ports_are_closed_and_late_words_do_no_harm()
    {
        var worker = _bench.NewWorker();
        var bound = _bench.Serve(worker, PortBench.Any);
        var (offered, waiting) = (_bench.Connect(bound.EndPoint), new List<Socket>());
        var offer = _bench.Offer(worker);
        while (_bench.Waiting < 2)
        {
            waiting.Add(_bench.Connect(bound.EndPoint));
            _bench.Turn();
        }
        _bench.Do(table => table.Clear());
        Assert.True(_bench.IsRefused(bound.EndPoint));
        Assert.Equal("", _bench.ReadToEnd(waiting[^1]));
        worker.Refuse(offer);
        Assert.Equal("", _bench.ReadToEnd(offered));
        _bench.Do(table => table.CloseListener(worker.Handle, bound.Port));
        Assert.Empty(_bench.Faults);
    }

    private List<TestWorker.Offer> Take(TestWorker worker)
    {
        List<TestWorker.Offer> offers = [];
        _bench.Turn();
        while (worker.TryTake() is { } offer)
            offers.Add(offer);
        return offers;
    }
}
