using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>What a worker gets when it asks for an end point: the port that others have, one of its own, or an error.</summary>
[SupportedOSPlatform("linux")]
public sealed class PortBindingTests : IDisposable
{
    private readonly PortFixture _fixture = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("ports").FullName;

    public void Dispose()
    {
        _fixture.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Workers_that_ask_for_the_same_end_point_share_a_port()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var first = _fixture.Bind(one, PortFixture.Any);
        var second = _fixture.Bind(other, PortFixture.Any);
        Assert.Equal((first.Port, first.EndPoint), (second.Port, second.EndPoint));
        Assert.NotEqual(0, ((IPEndPoint)first.EndPoint).Port);
        Assert.False(_fixture.IsRefused(first.EndPoint));
    }

    [Fact]
    public void The_nth_port_0_of_each_worker_is_the_same_also_after_a_restart()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        int[] ports = [Ask(one), Ask(one), Ask(one)];
        Assert.Equal(3, ports.Distinct().Count());
        Assert.Equal(ports[..2], new[] { Ask(other), Ask(other) });
        _fixture.Do(table => table.CloseListener(other.Handle, ports[0]));
        Assert.Equal(ports[0], Ask(other));
        Assert.Equal(ports[2], Ask(other));
        _fixture.End(one);
        _fixture.End(other);
        var next = _fixture.NewWorker();
        Assert.Equal(ports, new[] { Ask(next), Ask(next), Ask(next) });

        int Ask(TestWorker worker) => _fixture.Bind(worker, PortFixture.Any).Port;
    }

    [Fact]
    public void A_port_that_was_asked_for_as_0_can_be_asked_for_by_its_number()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        _fixture.Bind(one, PortFixture.Any);
        var second = _fixture.Bind(one, PortFixture.Any);
        Assert.Equal(second.Port, _fixture.Bind(other, second.EndPoint).Port);
        var twice = _fixture.Refusal(one, second.EndPoint);
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)twice.SocketError);
        Assert.Equal($"this worker listens on {second.EndPoint} already", twice.Reason);
    }

    [Fact]
    public void A_worker_that_asks_twice_for_a_numbered_end_point_is_refused()
    {
        var worker = _fixture.NewWorker();
        var endPoint = FreeEndPoint();
        _fixture.Bind(worker, endPoint);
        Assert.Equal($"this worker listens on {endPoint} already", _fixture.Refusal(worker, endPoint).Reason);
    }

    [Fact]
    public void The_options_of_the_first_worker_hold()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var bound = _fixture.Serve(one, PortFixture.Any, new ClusterListenOptions { NoDelay = false });
        _fixture.Serve(other, PortFixture.Any, new ClusterListenOptions { NoDelay = true });
        _fixture.Connect(bound.EndPoint);
        _fixture.Connect(bound.EndPoint);
        foreach (var offer in new[] { _fixture.Offer(one), _fixture.Offer(other) })
        {
            using var socket = new Socket(new SafeSocketHandle(offer.Socket.Number, ownsHandle: false));
            Assert.False(socket.NoDelay);
        }
    }

    [Fact]
    public void The_backlog_is_the_one_that_was_asked_for()
    {
        var worker = _fixture.NewWorker(static options => options.Mode = ListenMode.SharedListener);
        Assert.Null(_fixture.Ask(worker, PortFixture.Any, new ClusterListenOptions { Backlog = 17 }));
        using var socket = worker.TryTakeSocket(out _, out _, out _);
        using var view = new Socket(new SafeSocketHandle(socket!.Number, ownsHandle: false));
        var info = new byte[32];
        Assert.Equal(info.Length, view.GetRawSocketOption(optionLevel: 6, optionName: 11, info)); // TCP_INFO
        Assert.Equal(17, BitConverter.ToInt32(info, 28)); // tcpi_sacked: of a listening socket its backlog.
    }

    [Theory]
    [InlineData(ListenMode.SharedListener)]
    [InlineData(ListenMode.ReusePort)]
    public void An_end_point_in_another_mode_is_refused(ListenMode mode)
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker(options => options.Mode = mode));
        var bound = _fixture.Bind(one, PortFixture.Any);
        var refusal = _fixture.Refusal(other, bound.EndPoint);
        Assert.Equal(SocketError.InvalidArgument, (SocketError)refusal.SocketError);
        Assert.Equal($"{bound.EndPoint} is bound already, in another mode (ProcessCluster:Mode)", refusal.Reason);
        Assert.Null(_fixture.Do(table => table.StartListening(other.Handle, bound.Port)));
    }

    [Fact]
    public void An_exclusive_port_is_one_workers_and_ends_with_its_service()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var exclusive = new ClusterListenOptions { Exclusive = true };
        var first = _fixture.Bind(one, PortFixture.Any, exclusive);
        var second = _fixture.Bind(one, PortFixture.Any, exclusive);
        var others = _fixture.Bind(other, PortFixture.Any, exclusive);
        Assert.Equal(3, new[] { first.Port, second.Port, others.Port }.Distinct().Count());
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)_fixture.Refusal(other, first.EndPoint).SocketError);
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)_fixture.Refusal(other, first.EndPoint, exclusive).SocketError);
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)_fixture.Refusal(one, first.EndPoint, exclusive).SocketError);
        _fixture.Leave(one);
        Assert.True(_fixture.IsRefused(first.EndPoint));
        Assert.True(_fixture.IsRefused(second.EndPoint));
        _fixture.Bind(other, first.EndPoint);
        _fixture.End(other);
        Assert.True(_fixture.IsRefused(others.EndPoint));
        Assert.False(_fixture.IsRefused(first.EndPoint));
    }

    [Fact]
    public void A_Unix_domain_socket_is_shared_and_its_file_goes_with_it()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var path = Path.Combine(_folder, "socket");
        var bound = _fixture.Bind(one, new UnixDomainSocketEndPoint(path), new ClusterListenOptions { UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        Assert.Equal(bound.Port, _fixture.Bind(other, new UnixDomainSocketEndPoint(path)).Port);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        _fixture.Do(table => table.CloseListener(one.Handle, bound.Port));
        Assert.True(File.Exists(path));
        _fixture.Do(table => table.CloseListener(other.Handle, bound.Port));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void An_abstract_name_and_a_file_that_begins_with_an_at_sign_are_two_end_points()
    {
        var worker = _fixture.NewWorker();
        var name = $"@{Path.GetRandomFileName()}";
        var @abstract = _fixture.Bind(worker, new UnixDomainSocketEndPoint($"\0{name[1..]}"));
        try
        {
            Assert.NotEqual(@abstract.Port, _fixture.Bind(worker, new UnixDomainSocketEndPoint(name)).Port);
            Assert.Equal(@abstract.Port, _fixture.Bind(_fixture.NewWorker(), new UnixDomainSocketEndPoint($"\0{name[1..]}")).Port);
            Assert.True(File.Exists(name));
        }
        finally
        {
            File.Delete(name);
        }
    }

    [Fact]
    public void A_name_of_a_file_is_no_UDP_end_point()
    {
        var (one, other) = (_fixture.NewWorker(static options => options.Mode = ListenMode.SharedListener), _fixture.NewWorker());
        var endPoint = FreeEndPoint();
        var file = $"UDP {endPoint}";
        try
        {
            Assert.Null(_fixture.Ask(one, new UnixDomainSocketEndPoint(file)));
            Assert.Null(_fixture.AskUdp(other, endPoint));
            using var socket = other.TryTakeSocket(out _, out _, out var address);
            Assert.Equal(endPoint, address.ToEndPoint());
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_path_that_is_taken_or_not_there_is_refused()
    {
        var worker = _fixture.NewWorker();
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)_fixture.Refusal(worker, new UnixDomainSocketEndPoint(file)).SocketError);
        Assert.True(File.Exists(file));
        var missing = new UnixDomainSocketEndPoint(Path.Combine(_folder, "missing", "socket"));
        Assert.Equal(SocketError.AddressNotAvailable, (SocketError)_fixture.Refusal(worker, missing).SocketError);
    }

    [Fact]
    public void An_end_point_of_another_program_is_refused_and_can_be_had_later()
    {
        var worker = _fixture.NewWorker();
        EndPoint endPoint;
        using (var foreign = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            foreign.Bind(PortFixture.Any);
            foreign.Listen();
            endPoint = foreign.LocalEndPoint!;
            Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)_fixture.Refusal(worker, endPoint).SocketError);
        }
        _fixture.Bind(worker, endPoint);
    }

    [Fact]
    public void What_the_system_refuses_is_the_workers_error()
    {
        var worker = _fixture.NewWorker();
        Assert.Equal(SocketError.AddressNotAvailable, (SocketError)_fixture.Refusal(worker, new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0)).SocketError);
        var inherited = _fixture.Refusal(worker, new InheritedEndPoint(1_000_000));
        Assert.Equal(SocketError.NotSocket, (SocketError)inherited.SocketError);
        Assert.Contains("The primary's descriptor 1000000 is not open", inherited.Reason, StringComparison.Ordinal);
        var reuse = _fixture.Refusal(_fixture.NewWorker(static options => options.Mode = ListenMode.ReusePort), new UnixDomainSocketEndPoint("/x"));
        Assert.Equal(SocketError.InvalidArgument, (SocketError)reuse.SocketError);
        Assert.Contains("Mode is ReusePort, which is for TCP", reuse.Reason, StringComparison.Ordinal);
        var datagrams = Assert.IsType<ControlMessage.NotBound>(_fixture.AskUdp(worker, new UnixDomainSocketEndPoint("/x")));
        Assert.Equal(SocketError.InvalidArgument, (SocketError)datagrams.SocketError);
        Assert.Contains("A UDP socket cannot be bound to '/x'", datagrams.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_that_cannot_be_made_is_the_error_of_the_worker_that_asks()
    {
        var worker = _fixture.NewWorker(static options => options.CustomDispatch = static () => throw new InvalidOperationException("no policy today"));
        var refusal = _fixture.Refusal(worker, PortFixture.Any);
        Assert.Equal(SocketError.InvalidArgument, (SocketError)refusal.SocketError);
        Assert.Contains("InvalidOperationException: no policy today", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_leaves_or_is_gone_is_refused()
    {
        var (leaving, gone) = (_fixture.NewWorker(), _fixture.NewWorker());
        _fixture.Leave(leaving);
        _fixture.End(gone);
        foreach (var refusal in new[] { _fixture.Refusal(leaving, PortFixture.Any), _fixture.Refusal(gone, PortFixture.Any) })
        {
            Assert.Equal(SocketError.Shutdown, (SocketError)refusal.SocketError);
            Assert.Equal("the worker is leaving", refusal.Reason);
        }
    }

    [Fact]
    public void A_worker_has_a_limit_of_end_points_and_is_cut_off_when_it_asks_on_and_on()
    {
        var worker = _fixture.NewWorker();
        for (var i = 0; i < Board.MaxPorts; i++)
            _fixture.Bind(worker, PortFixture.Any);
        for (var i = 0; i < Board.MaxPorts; i++)
        {
            var refusal = _fixture.Refusal(worker, PortFixture.Any);
            Assert.Equal(SocketError.TooManyOpenSockets, (SocketError)refusal.SocketError);
            Assert.StartsWith($"this worker uses {Board.MaxPorts} end points already", refusal.Reason, StringComparison.Ordinal);
        }
        Assert.Empty(_fixture.Faults);
        _fixture.AskUdp(worker, PortFixture.Any);
        Assert.Equal([$"1: it asks for end points again and again, though it has the {Board.MaxPorts} that a worker can have."], _fixture.Faults);
        _fixture.Bind(_fixture.NewWorker(), PortFixture.Any);
    }

    [Fact]
    public void A_cluster_has_a_limit_of_end_points_and_closes_unused_ones_first()
    {
        const int Most = 2048;
        List<TestWorker> workers = [];
        List<EndPoint> endPoints = [];
        for (var i = 0; i < Most; i++)
        {
            if (i % Board.MaxPorts == 0)
                workers.Add(_fixture.NewWorker());
            endPoints.Add(_fixture.Bind(workers[^1], PortFixture.Any, new ClusterListenOptions { Exclusive = i > 0 }).EndPoint);
        }
        var late = _fixture.NewWorker();
        var refusal = _fixture.Refusal(late, FreeEndPoint());
        Assert.Equal(SocketError.TooManyOpenSockets, (SocketError)refusal.SocketError);
        Assert.Equal($"The workers use {Most} end points already, which is the most for a cluster.", refusal.Reason);
        Assert.Equal(endPoints[0], _fixture.Bind(late, PortFixture.Any).EndPoint);
        _fixture.Do(table => table.CloseListener(workers[1].Handle, 600));
        _fixture.Bind(late, FreeEndPoint());
        _fixture.End(late); // Its port stays, and nobody uses it.
        _fixture.Bind(_fixture.NewWorker(), FreeEndPoint());
        Assert.False(_fixture.IsRefused(endPoints[0]));
    }

    [Fact]
    public void UDP_sockets_are_shared_and_have_nothing_to_do_with_ports_of_the_same_number()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        Assert.Null(_fixture.AskUdp(one, PortFixture.Any));
        using var first = one.TryTakeSocket(out _, out var port, out var address);
        var bound = address.ToEndPoint()!;
        Assert.Null(_fixture.AskUdp(other, bound));
        using var second = other.TryTakeSocket(out _, out var others, out var same);
        Assert.Equal((port, bound), (others, same.ToEndPoint()));
        Assert.Equal($"this worker listens on {bound} already", Assert.IsType<ControlMessage.NotBound>(_fixture.AskUdp(one, bound)).Reason);
        Assert.NotEqual(port, _fixture.Bind(one, bound).Port);
        _fixture.Do(table => table.CloseListener(one.Handle, port));
        _fixture.Do(table => table.CloseListener(other.Handle, port));
        using var foreign = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Assert.Equal(SocketError.AddressAlreadyInUse, Assert.Throws<SocketException>(() => foreign.Bind(bound)).SocketErrorCode); // The copies are open.
        first!.Dispose();
        second!.Dispose();
        foreign.Bind(bound);
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)Assert.IsType<ControlMessage.NotBound>(_fixture.AskUdp(one, bound)).SocketError);
    }

    [Fact]
    public void UDP_of_IPv6_alone_and_of_both_are_two_sockets()
    {
        var (one, other) = (_fixture.NewWorker(), _fixture.NewWorker());
        var any = new IPEndPoint(IPAddress.IPv6Any, 0);
        Assert.Null(_fixture.AskUdp(one, any, dualMode: true));
        Assert.Null(_fixture.AskUdp(other, any));
        using var dual = one.TryTakeSocket(out _, out var port, out _);
        using var single = other.TryTakeSocket(out _, out var others, out _);
        Assert.NotEqual(port, others);
        Assert.True(new Socket(new SafeSocketHandle(dual!.Number, ownsHandle: false)).DualMode);
        Assert.False(new Socket(new SafeSocketHandle(single!.Number, ownsHandle: false)).DualMode);
    }

    [Fact]
    public void A_shared_listener_comes_as_a_copy_that_listens()
    {
        var (one, other) = (Shared(), Shared());
        Assert.Null(_fixture.Ask(one, PortFixture.Any));
        Assert.Null(_fixture.Ask(other, PortFixture.Any));
        using var first = one.TryTakeSocket(out _, out var port, out var address);
        using var second = other.TryTakeSocket(out _, out var others, out _);
        Assert.Equal(port, others);
        Assert.NotNull(_fixture.Do(table => table.StartListening(one.Handle, port)));
        var client = _fixture.Connect(address.ToEndPoint()!);
        using var listener = ListeningSocket.Adopt(second!.Release());
        var peer = default(PeerAddress);
        var accepted = -1;
        _fixture.Until(() => listener.TryAccept(out accepted, out peer) == AcceptResult.Accepted);
        Descriptor.Close(accepted);
        Assert.Equal(client.LocalEndPoint, peer.ToEndPoint());

        TestWorker Shared() => _fixture.NewWorker(static options => options.Mode = ListenMode.SharedListener);
    }

    [Fact]
    public void With_ReusePort_each_worker_gets_a_socket_of_its_own_that_does_not_listen_yet()
    {
        var (one, other) = (Reusing(), Reusing());
        Assert.Null(_fixture.Ask(one, PortFixture.Any));
        Assert.Null(_fixture.Ask(other, PortFixture.Any));
        using var first = new Socket(new SafeSocketHandle(one.TryTakeSocket(out _, out var port, out _)!.Release(), ownsHandle: true));
        using var second = new Socket(new SafeSocketHandle(other.TryTakeSocket(out _, out var others, out _)!.Release(), ownsHandle: true));
        Assert.Equal((port, first.LocalEndPoint), (others, second.LocalEndPoint));
        Assert.True(_fixture.IsRefused(first.LocalEndPoint!));
        second.Listen();
        Assert.False(_fixture.IsRefused(first.LocalEndPoint!));
        _fixture.Do(table => table.CloseListener(one.Handle, port));
        using var foreign = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Assert.Equal(SocketError.AddressAlreadyInUse, Assert.Throws<SocketException>(() => foreign.Bind(first.LocalEndPoint!)).SocketErrorCode);

        TestWorker Reusing() => _fixture.NewWorker(static options => options.Mode = ListenMode.ReusePort);
    }

    /// <summary>An end point that was free a moment ago.</summary>
    private static IPEndPoint FreeEndPoint()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(PortFixture.Any);
        return (IPEndPoint)socket.LocalEndPoint!;
    }
}
