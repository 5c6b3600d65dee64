using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>Workers that come, listen, close, leave and end, and the connections that go with them.</summary>
public sealed class PortTableTests : IDisposable
{
    private readonly PortFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_worker_gets_connections_when_it_listens_and_is_admitted()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Bind(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        _fixture.Until(() => _fixture.Waiting == 1);
        Assert.NotNull(_fixture.Do(table => table.StartListening(worker.Handle, bound.Port)));
        _fixture.Turn();
        Assert.Null(worker.TryTake());
        _fixture.Do(table => table.Admit(worker.Handle));
        Assert.Equal(bound.Port, worker.Take().Port);
        Assert.Equal(0, _fixture.Waiting);
    }

    [Fact]
    public void A_worker_that_is_admitted_gets_connections_when_it_listens()
    {
        var worker = _fixture.NewWorker();
        _fixture.Do(table => table.Admit(worker.Handle));
        var bound = _fixture.Bind(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        _fixture.Until(() => _fixture.Waiting == 1);
        Assert.NotNull(_fixture.Do(table => table.StartListening(worker.Handle, bound.Port)));
        worker.Take();
        _fixture.Do(table => table.Admit(worker.Handle));
        Assert.Null(_fixture.Do(table => table.StartListening(worker.Handle, bound.Port)));
        _fixture.Connect(bound.EndPoint);
        _fixture.Offer(worker);
        _fixture.Turn();
        Assert.Null(worker.TryTake());
    }

    [Fact]
    public void A_worker_cannot_listen_on_what_it_has_not_asked_for()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Bind(one, PortFixture.Any);
        Assert.Null(_fixture.Do(table => table.StartListening(other.Handle, bound.Port)));
        Assert.Null(_fixture.Do(table => table.StartListening(one.Handle, bound.Port + 1)));
        _fixture.Leave(one);
        Assert.Null(_fixture.Do(table => table.StartListening(one.Handle, bound.Port)));
        _fixture.End(one);
        Assert.Null(_fixture.Do(table => table.StartListening(one.Handle, bound.Port)));
        _fixture.Do(table =>
        {
            table.CloseListener(other.Handle, bound.Port);
            table.CloseListener(one.Handle, bound.Port);
            table.StopOffering(one.Handle);
            table.Admit(one.Handle);
        });
        Assert.False(_fixture.IsRefused(bound.EndPoint));
    }

    [Fact]
    public void A_port_closes_when_its_last_worker_closes_it()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(one, PortFixture.Any);
        _fixture.Bind(other, PortFixture.Any);
        _fixture.Do(table => table.CloseListener(one.Handle, bound.Port));
        _fixture.Connect(bound.EndPoint);
        _fixture.Turn();
        Assert.Null(one.TryTake());
        _fixture.Do(table => table.CloseListener(other.Handle, bound.Port));
        Assert.True(_fixture.IsRefused(bound.EndPoint));
        Assert.NotEqual(bound.Port, _fixture.Bind(one, bound.EndPoint).Port);
    }

    [Fact]
    public void A_port_stays_when_its_last_worker_leaves_or_ends()
    {
        var (leaving, ending) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(leaving, PortFixture.Any);
        _fixture.Serve(ending, PortFixture.Any);
        _fixture.Leave(leaving);
        _fixture.End(ending);
        _fixture.Do(table => table.CloseListener(leaving.Handle, bound.Port));
        var client = _fixture.Connect(bound.EndPoint);
        _fixture.Until(() => _fixture.Waiting == 1);
        var next = _fixture.NewWorker();
        Assert.Equal(bound.Port, _fixture.Serve(next, PortFixture.Any).Port);
        Assert.Equal(client.LocalEndPoint, _fixture.Offer(next).Peer.ToEndPoint());
    }

    [Fact]
    public void What_a_dead_worker_has_not_taken_goes_to_others_in_order()
    {
        var (dying, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(dying, PortFixture.Any);
        List<EndPoint> clients = [];
        for (var i = 0; i < 10; i++)
        {
            clients.Add(_fixture.Connect(bound.EndPoint).LocalEndPoint!);
            _fixture.Until(() => _fixture.Waiting == Math.Max(0, i - 7)); // 8 are offered.
        }
        _fixture.Serve(other, PortFixture.Any);
        _fixture.Turn();
        var taken = Take(other);
        Assert.Equal(clients[8..], taken.Select(static offer => (EndPoint)offer.Peer.ToEndPoint()!));
        taken.ForEach(other.Claim);
        _fixture.Turn();
        _fixture.End(dying);
        Assert.Equal(clients[..8], Take(other).Select(static offer => (EndPoint)offer.Peer.ToEndPoint()!));
    }

    [Fact]
    public void A_connection_that_a_worker_gives_back_goes_to_another_one()
    {
        var (giving, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(giving, PortFixture.Any);
        var client = _fixture.Connect(bound.EndPoint);
        var offer = _fixture.Offer(giving);
        giving.Claim(offer);
        _fixture.Turn();
        Assert.False(_fixture.Do(table => table.CanMoveFrom(giving.Handle)));
        _fixture.Serve(other, PortFixture.Any);
        Assert.True(_fixture.Do(table => table.CanMoveFrom(giving.Handle)));
        _fixture.Leave(giving);
        Assert.True(_fixture.Do(table => table.CanMoveFrom(giving.Handle)));
        Assert.False(_fixture.Do(table => table.CanMoveFrom(other.Handle)));
        giving.Return(HandoffCodec.NoOffer, bound.Port, offer.Socket, offer.Peer);
        offer.Socket.Dispose();
        var moved = _fixture.Offer(other);
        Assert.Equal(OfferKinds.Moved, moved.Kinds);
        Assert.Equal(client.LocalEndPoint, moved.Peer.ToEndPoint());
        Assert.Equal(1, giving.Handle.ConnectionsMoved);
        Assert.Empty(_fixture.Faults);
    }

    [Theory]
    [InlineData(AddressFamily.InterNetworkV6, SocketType.Stream)]
    [InlineData(AddressFamily.Unix, SocketType.Stream)]
    [InlineData(AddressFamily.InterNetwork, SocketType.Dgram)]
    public void What_is_no_connection_of_the_port_is_the_fault_of_the_worker(AddressFamily family, SocketType type)
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        worker.Claim(_fixture.Offer(worker));
        using var other = new Socket(family, type, ProtocolType.Unspecified);
        using var copy = Descriptor.DuplicateOf((int)other.Handle);
        worker.Return(HandoffCodec.NoOffer, bound.Port, copy);
        _fixture.Until(() => _fixture.Faults.Count > 0);
        Assert.Equal(["1: it gave back a descriptor that is no connection of the port."], _fixture.Faults);
        Assert.Equal(0, worker.Handle.ConnectionsMoved);
    }

    [Fact]
    public void A_connection_of_a_port_that_is_closed_ends()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        var client = _fixture.Connect(bound.EndPoint);
        var offer = _fixture.Offer(worker);
        worker.Claim(offer);
        _fixture.Turn();
        _fixture.Do(table => table.CloseListener(worker.Handle, bound.Port));
        worker.Return(HandoffCodec.NoOffer, bound.Port, offer.Socket, offer.Peer);
        offer.Socket.Dispose();
        Assert.Equal("", _fixture.ReadToEnd(client));
        Assert.Empty(_fixture.Faults);
    }

    [Fact]
    public void Lacks_of_descriptors_are_logged()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        worker.Claim(_fixture.Offer(worker));
        Span<byte> message = new byte[64];
        worker.Send(message[..HandoffCodec.WriteReturned(message, HandoffCodec.NoOffer, bound.Port, default)]);
        _fixture.Connect(bound.EndPoint);
        worker.Refuse(_fixture.Offer(worker), OfferAnswer.Exhausted);
        _fixture.Until(() => _fixture.Logger.Lines.Count == 2);
        Assert.Single(_fixture.Logger.Lines, static line => line.StartsWith("35: No descriptor was left for a connection that worker 1 gave back", StringComparison.Ordinal));
        Assert.Single(_fixture.Logger.Lines, static line => line.StartsWith("60: ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_worker_that_refuses_gets_no_more_until_it_listens_again()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        _fixture.Connect(bound.EndPoint);
        worker.Refuse(_fixture.Offer(worker));
        _fixture.Until(() => _fixture.Waiting == 1);
        _fixture.Pass(TimeSpan.FromMilliseconds(100));
        Assert.Null(worker.TryTake());
        _fixture.Bind(_fixture.NewWorker(), PortFixture.Any); // Else it would close with the worker's use.
        _fixture.Do(table => table.CloseListener(worker.Handle, bound.Port));
        _fixture.Serve(worker, PortFixture.Any);
        worker.Take();
    }

    [Fact]
    public void A_socket_that_does_not_fit_is_delivered_later()
    {
        var worker = _fixture.NewWorker(static options => options.Mode = ListenMode.SharedListener);
        var asked = 0;
        while (!_fixture.Clock.IsRunning)
        {
            Assert.Null(_fixture.AskUdp(worker, PortFixture.Any));
            _fixture.Turn();
            Assert.InRange(++asked, 1, Board.MaxPorts - 2);
        }
        Assert.Null(_fixture.Ask(worker, PortFixture.Any));
        _fixture.Pass(TimeSpan.FromMilliseconds(100));
        Assert.True(_fixture.Clock.IsRunning);
        List<int> ports = [];
        while (worker.TryTakeSocket(out _, out var port, out _) is { } socket)
        {
            socket.Dispose();
            ports.Add(port);
        }
        Assert.Equal(asked - 1, ports.Count);
        _fixture.Do(table => table.CloseListener(worker.Handle, asked)); // Nobody wants the first of those that wait.
        _fixture.Pass(TimeSpan.FromMilliseconds(100));
        using var late = worker.TryTakeSocket(out _, out var last, out _);
        Assert.Equal(asked + 1, last);
        Assert.Null(worker.TryTakeSocket(out _, out _, out _));
        Assert.False(_fixture.Clock.IsRunning);
    }

    [Fact]
    public void What_could_not_be_delivered_is_refused_when_the_cluster_ends()
    {
        var worker = _fixture.NewWorker(static options => options.Mode = ListenMode.ReusePort);
        for (var asked = 0; !_fixture.Clock.IsRunning; asked++)
        {
            Assert.InRange(asked, 0, Board.MaxPorts - 1);
            Assert.Null(_fixture.Ask(worker, PortFixture.Any));
            _fixture.Turn();
        }
        worker.Told();
        _fixture.Do(table => table.Clear());
        var refusal = Assert.IsType<ControlMessage.NotBound>(Assert.Single(worker.Told()));
        Assert.Equal(SocketError.Shutdown, (SocketError)refusal.SocketError);
        Assert.Equal("the cluster is being disconnected", refusal.Reason);
    }

    [Fact]
    public void When_the_cluster_ends_all_ports_are_closed_and_late_words_do_no_harm()
    {
        var worker = _fixture.NewWorker();
        var bound = _fixture.Serve(worker, PortFixture.Any);
        var (offered, waiting) = (_fixture.Connect(bound.EndPoint), new List<Socket>());
        var offer = _fixture.Offer(worker);
        while (_fixture.Waiting < 2)
        {
            waiting.Add(_fixture.Connect(bound.EndPoint));
            _fixture.Turn();
        }
        _fixture.Do(table => table.Clear());
        Assert.True(_fixture.IsRefused(bound.EndPoint));
        Assert.Equal("", _fixture.ReadToEnd(waiting[^1]));
        worker.Refuse(offer);
        Assert.Equal("", _fixture.ReadToEnd(offered));
        _fixture.Do(table => table.CloseListener(worker.Handle, bound.Port));
        Assert.Empty(_fixture.Faults);
    }

    private List<TestWorker.Offer> Take(TestWorker worker)
    {
        List<TestWorker.Offer> offers = [];
        _fixture.Turn();
        while (worker.TryTake() is { } offer)
            offers.Add(offer);
        return offers;
    }
}
