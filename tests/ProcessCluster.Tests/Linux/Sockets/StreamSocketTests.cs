using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Tests.Linux.Sockets;

/// <summary>How a connection ends of which more than one descriptor is open, as a stopped worker's is, or the primary's.</summary>
public sealed class StreamSocketTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_reset_is_seen_at_once_though_a_copy_is_open()
    {
        using var pair = await Pair.OpenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        StreamSocket.Reset(pair.One);
        using var deadline = new CancellationTokenSource(Patience);
        var reset = await Assert.ThrowsAsync<SocketException>(async () => await pair.Client.ReceiveAsync(new byte[1], deadline.Token));
        Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
        StreamSocket.Reset(pair.One); // Once more is no error.
    }

    [Fact]
    public async Task A_Unix_domain_socket_ends_in_order_instead()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using var pair = await Pair.OpenAsync(new UnixDomainSocketEndPoint(path));
            StreamSocket.Reset(pair.One);
            using var deadline = new CancellationTokenSource(Patience);
            Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1], deadline.Token));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task What_was_looked_at_is_received_again()
    {
        using var pair = await Pair.OpenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        await pair.Client.SendAsync(new byte[] { 1, 2, 3 });
        Assert.True(SpinWait.SpinUntil(() => pair.Accepted.Available == 3, Patience));
        var buffer = new byte[10];
        for (var i = 0; i < 2; i++)
        {
            Assert.True(StreamSocket.TryPeek(pair.One, buffer, out var peeked));
            Assert.Equal([1, 2, 3], buffer[..peeked]);
        }
        StreamSocket.Skip(pair.One, 2);
        Assert.True(StreamSocket.TryReceive(pair.Copy, buffer, out var received));
        Assert.Equal([3], buffer[..received]);
    }

    [Fact]
    public async Task No_call_blocks_on_a_socket_that_blocks()
    {
        using var pair = await Pair.OpenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        pair.Accepted.Blocking = true;
        var buffer = new byte[64 * 1024];
        Assert.False(StreamSocket.TryReceive(pair.One, buffer, out _));
        Assert.False(StreamSocket.TryPeek(pair.One, buffer, out _));
        while (StreamSocket.TrySend(pair.One, buffer, out _))
        {
            // Until the kernel takes no more, as the client reads nothing.
        }
        Assert.False(StreamSocket.TrySend(pair.One, new System.Buffers.ReadOnlySequence<byte>(buffer), out _));
    }

    [Fact]
    public async Task A_reclaimed_connection_neither_blocks_nor_lingers()
    {
        using var pair = await Pair.OpenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        pair.Accepted.Blocking = true;
        pair.Accepted.LingerState = new LingerOption(enable: true, seconds: 60);
        StreamSocket.Reclaim(pair.One.Number);
        Assert.False(pair.Accepted.LingerState!.Enabled);
        Assert.NotEqual(0, Libc.fcntl(pair.One.Number, Libc.F_GETFL, 0) & Libc.O_NONBLOCK);

        pair.Accepted.LingerState = new LingerOption(enable: true, seconds: 0);
        StreamSocket.Reclaim(pair.One.Number);
        Assert.True(pair.Accepted.LingerState.Enabled); // A reset is meant.
    }

    [Fact]
    public async Task Only_what_accept_gives_is_a_connection()
    {
        using var pair = await Pair.OpenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        Assert.True(StreamSocket.IsConnection(pair.One.Number, AddressFamily.InterNetwork));
        Assert.False(StreamSocket.IsConnection(pair.One.Number, AddressFamily.InterNetworkV6));
        Assert.False(StreamSocket.IsConnection(pair.One.Number, AddressFamily.Unix));
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var file = new Descriptor(Libc.eventfd(0, Libc.EFD_CLOEXEC));
        Assert.All([(int)listening.Handle, (int)datagrams.Handle, file.Number, -1], static other =>
            Assert.False(StreamSocket.IsConnection(other, AddressFamily.InterNetwork)));
    }

    /// <summary>A client, and its accepted connection with two more descriptors of it.</summary>
    private sealed class Pair(Socket client, Socket accepted) : IDisposable
    {
        public Socket Client { get; } = client;

        public Socket Accepted { get; } = accepted;

        public Descriptor One { get; } = Descriptor.DuplicateOf((int)accepted.Handle);

        public Descriptor Copy { get; } = Descriptor.DuplicateOf((int)accepted.Handle);

        public static async Task<Pair> OpenAsync(EndPoint endPoint)
        {
            var kind = endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified;
            using var listener = new Socket(endPoint.AddressFamily, SocketType.Stream, kind);
            listener.Bind(endPoint);
            listener.Listen();
            var client = new Socket(endPoint.AddressFamily, SocketType.Stream, kind);
            await client.ConnectAsync(listener.LocalEndPoint!);
            var accepted = await listener.AcceptAsync();
            accepted.Blocking = false;
            return new Pair(client, accepted);
        }

        public void Dispose()
        {
            One.Dispose();
            Copy.Dispose();
            Accepted.Dispose();
            Client.Dispose();
        }
    }
}
