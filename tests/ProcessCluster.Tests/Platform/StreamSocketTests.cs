using System.Net;
using System.Net.Sockets;
using ProcessCluster.Platform;

namespace ProcessCluster.Tests.Platform;

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
