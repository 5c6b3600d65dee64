using System.Net;
using System.Net.Sockets;
using System.Text;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Tests.Udp;

public sealed class ClusterUdpSocketTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData("127.0.0.1:0", "127.0.0.1", "127.0.0.1")]
    [InlineData("[::1]:0", "::1", "::1")]
    [InlineData("[::]:0", "::1", "::1")]
    [InlineData("[::]:0", "127.0.0.1", "::ffff:127.0.0.1")]
    public async Task A_datagram_comes_with_its_sender_who_can_be_answered(string bound, string to, string from)
    {
        await using var socket = Bind(bound);
        Assert.NotEqual(0, socket.LocalEndPoint.Port);
        var server = new IPEndPoint(IPAddress.Parse(to), socket.LocalEndPoint.Port);
        using var client = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await client.ConnectAsync(server);
        var sender = new IPEndPoint(IPAddress.Parse(from), ((IPEndPoint)client.LocalEndPoint!).Port);

        var buffer = new byte[100];
        client.Send("one"u8);
        var first = await Within(socket.ReceiveFromAsync(buffer));
        Assert.Equal(new ClusterDatagram(3, sender), first);
        Assert.Equal("one", Encoding.ASCII.GetString(buffer, 0, 3));
        Assert.Equal(2, await Within(socket.SendToAsync("to"u8.ToArray(), first!.Value.Sender)));
        Assert.Equal("to", Receive(client));

        client.Send("three"u8);
        var address = new SocketAddress(socket.LocalEndPoint.AddressFamily);
        Assert.Equal(5, await Within(socket.ReceiveFromAsync(buffer, address)));
        Assert.Equal(sender.Serialize(), address);
        Assert.Equal(4, await Within(socket.SendToAsync("four"u8.ToArray(), address)));
        Assert.Equal("four", Receive(client));
    }

    [Fact]
    public async Task An_IPv4_address_is_reached_from_a_socket_of_both_kinds()
    {
        await using var socket = Bind("[::]:0");
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        peer.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await Within(socket.SendToAsync("x"u8.ToArray(), peer.LocalEndPoint!));
        Assert.Equal("x", Receive(peer));
    }

    [Fact]
    public void Without_dual_mode_both_kinds_can_be_bound_to_one_port()
    {
        using var one = DatagramSocket.Bind(IPEndPoint.Parse("[::]:0"), new ClusterUdpOptions { DualMode = false }, out var bound);
        using var other = DatagramSocket.Bind(new IPEndPoint(IPAddress.Any, bound.Port), new ClusterUdpOptions(), out _);
        Assert.False(other.IsInvalid);
        var taken = Assert.Throws<SocketException>(
            () => DatagramSocket.Bind(new IPEndPoint(IPAddress.IPv6Any, bound.Port), new ClusterUdpOptions(), out _));
        Assert.Equal(SocketError.AddressAlreadyInUse, taken.SocketErrorCode);
    }

    [Fact]
    public void Options_are_set_before_it_is_bound()
    {
        var options = new ClusterUdpOptions { ReceiveBufferBytes = 20_000, SendBufferBytes = 10_000, EnableBroadcast = true };
        using var descriptor = DatagramSocket.Bind(IPEndPoint.Parse("127.0.0.1:0"), options, out _);
        using var view = StreamSocket.ViewAsSocket(descriptor);
        // Linux doubles the number, for what it keeps besides the bytes (man 7 socket).
        Assert.Equal((40_000, 20_000, true), (view.ReceiveBufferSize, view.SendBufferSize, view.EnableBroadcast));
    }

    [Fact]
    public async Task A_receive_that_is_given_up_takes_no_datagram()
    {
        await using var socket = Bind("127.0.0.1:0");
        for (var i = 0; i < 100; i++)
        {
            using var cancellation = new CancellationTokenSource();
            var receiving = socket.ReceiveFromAsync(new byte[1], cancellation.Token).AsTask();
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving.WaitAsync(Patience));
        }
        await Within(socket.SendToAsync(new byte[7], socket.LocalEndPoint));
        Assert.Equal(7, (await Within(socket.ReceiveFromAsync(new byte[100])))?.Length);
    }

    [Fact]
    public async Task Many_receives_at_once_get_a_datagram_each()
    {
        await using var socket = Bind("127.0.0.1:0");
        var receiving = Enumerable.Range(0, 20).Select(_ => socket.ReceiveFromAsync(new byte[100]).AsTask()).ToList();
        for (var length = 1; length <= 20; length++)
            await Within(socket.SendToAsync(new byte[length], socket.LocalEndPoint));
        var datagrams = await Task.WhenAll(receiving).WaitAsync(Patience);
        Assert.Equal(Enumerable.Range(1, 20), datagrams.Select(datagram => datagram!.Value.Length).Order());
    }

    [Fact]
    public async Task Holders_of_one_socket_take_turns_and_one_that_closes_hurts_no_other()
    {
        var first = DatagramSocket.Bind(IPEndPoint.Parse("127.0.0.1:0"), new ClusterUdpOptions(), out var bound);
        var told = 0;
        var one = new ClusterUdpSocket(first, SocketLoop.Instance, bound, _ => told++);
        await using var other = new ClusterUdpSocket(first.Duplicate(), SocketLoop.Instance, bound, closed: null);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await client.ConnectAsync(bound);

        var waitOfOne = one.ReceiveFromAsync(new byte[10]).AsTask();
        var waitOfOther = other.ReceiveFromAsync(new byte[10]).AsTask();
        client.Send("1"u8);
        await Task.WhenAny(waitOfOne, waitOfOther).WaitAsync(Patience);
        client.Send("22"u8);
        Assert.Equal([1, 2], (await Task.WhenAll(waitOfOne, waitOfOther).WaitAsync(Patience)).Select(d => d!.Value.Length).Order());

        waitOfOne = one.ReceiveFromAsync(new byte[10]).AsTask();
        await one.DisposeAsync();
        await one.DisposeAsync();
        Assert.Null(await waitOfOne.WaitAsync(Patience));
        Assert.Equal(1, told);
        for (var i = 0; i < 10; i++)
        {
            client.Send("333"u8);
            Assert.Equal(3, (await Within(other.ReceiveFromAsync(new byte[10])))?.Length);
        }
    }

    [Fact]
    public async Task When_receiving_has_ended_sending_goes_on()
    {
        await using var socket = Bind("127.0.0.1:0");
        await using var peer = Bind("127.0.0.1:0");
        var receiving = socket.ReceiveFromAsync(new byte[10]).AsTask();
        socket.EndReceiving();
        Assert.Null(await receiving.WaitAsync(Patience));
        await Within(peer.SendToAsync(new byte[1], socket.LocalEndPoint));
        Assert.Null(await Within(socket.ReceiveFromAsync(new byte[10])));
        await Within(socket.SendToAsync(new byte[2], peer.LocalEndPoint));
        Assert.Equal(2, (await Within(peer.ReceiveFromAsync(new byte[10])))?.Length);
    }

    /// <summary>UDP to this machine always has room; a datagram socket of the other kind is full when its peer does not receive.</summary>
    [Fact]
    public async Task Sending_waits_for_room_in_the_kernel()
    {
        var (mine, theirs) = Pair();
        using var peer = theirs;
        await using var socket = new ClusterUdpSocket(mine, SocketLoop.Instance, new IPEndPoint(IPAddress.Loopback, 1), closed: null);
        var sends = new List<Task<int>>();
        while (sends.All(send => send.IsCompleted))
        {
            Assert.InRange(sends.Count, 0, 10_000);
            sends.Add(socket.SendAsync(new byte[100], default, default).AsTask());
        }
        sends.Add(socket.SendAsync(new byte[100], default, default).AsTask());
        using var cancellation = new CancellationTokenSource();
        var givenUp = socket.SendAsync(new byte[100], default, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => givenUp.WaitAsync(Patience));

        Assert.Equal(2, sends.Count(send => !send.IsCompleted)); // Nobody has received.
        var received = 0;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                while (DatagramSocket.TryReceive(peer, new byte[100], new byte[PeerAddress.MaxLength], out _, out _))
                    received++;
                return received == sends.Count;
            },
            Patience));
        Assert.Equal(Enumerable.Repeat(100, sends.Count), await Task.WhenAll(sends).WaitAsync(Patience));
    }

    [Fact]
    public async Task A_send_that_waits_when_the_socket_is_closed_fails()
    {
        var (mine, theirs) = Pair();
        using var peer = theirs;
        var socket = new ClusterUdpSocket(mine, SocketLoop.Instance, new IPEndPoint(IPAddress.Loopback, 1), closed: null);
        Task<int> send;
        do
        {
            send = socket.SendAsync(new byte[100], default, default).AsTask();
        }
        while (send.IsCompleted);
        await socket.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => send.WaitAsync(Patience));
    }

    [Theory]
    [InlineData("127.0.0.1:80")]
    [InlineData("[::1]:65535")]
    [InlineData("[fe80::1%7]:3000")]
    [InlineData("[::ffff:10.1.2.3]:1")]
    public void An_end_point_becomes_the_address_that_NET_writes(string text)
    {
        var endPoint = IPEndPoint.Parse(text);
        var native = endPoint.Serialize();
        var address = new PeerAddress(endPoint);
        Assert.Equal(native.Buffer.Span[..native.Size].ToArray(), address.Span.ToArray());
        Assert.Equal(endPoint, address.ToEndPoint());
        Assert.True(address.IsIP);
    }

    [Fact]
    public void An_address_of_another_family_or_length_is_none_of_IP()
    {
        Assert.False(default(PeerAddress).IsIP);
        Assert.False(new PeerAddress(new PeerAddress(new IPEndPoint(IPAddress.IPv6Loopback, 1)).Span[..16]).IsIP);
        Assert.False(new PeerAddress(new PeerAddress(new IPEndPoint(IPAddress.Loopback, 1)).Span[..8]).IsIP);
        Assert.False(new PeerAddress(new byte[16]).IsIP);
    }

    private static ClusterUdpSocket Bind(string endPoint)
    {
        var descriptor = DatagramSocket.Bind(IPEndPoint.Parse(endPoint), new ClusterUdpOptions(), out var bound);
        return new ClusterUdpSocket(descriptor, SocketLoop.Instance, bound, closed: null);
    }

    private static unsafe (Descriptor Mine, Descriptor Theirs) Pair()
    {
        const int Datagrams = 2; // SOCK_DGRAM
        var descriptors = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Datagrams | Libc.SOCK_CLOEXEC, 0, descriptors));
        return (new Descriptor(descriptors[0]), new Descriptor(descriptors[1]));
    }

    private static string Receive(Socket socket)
    {
        socket.ReceiveTimeout = (int)Patience.TotalMilliseconds;
        var buffer = new byte[100];
        return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    private static Task<T> Within<T>(ValueTask<T> task) => task.AsTask().WaitAsync(Patience);
}
