using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Tests.Messaging;

namespace ProcessCluster.Tests.Udp;

/// <summary>What a datagram costs the garbage collector.</summary>
[Collection(nameof(Alone))]
public sealed class UdpAllocationTests
{
    private const int WarmUp = 15_000, Datagrams = 30_000, MaxAttempts = 10;

    /// <summary>
    /// The smallest object has 24 bytes. Compiled without optimization, each of the three async methods that a waiting receive goes through
    /// has an object for its state.
    /// </summary>
    private static readonly double Limit =
        typeof(ClusterUdpSocket).Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true } ? 600 : 12;

    [Fact]
    public async Task Waiting_receiving_and_answering_allocate_nothing()
    {
        var descriptor = DatagramSocket.Bind(IPEndPoint.Parse("127.0.0.1:0"), new ClusterUdpOptions(), out var bound);
        var socket = new ClusterUdpSocket(descriptor, SocketLoop.Instance, bound, closed: null);
        // Not .NET's socket, which allocates when it waits with a deadline.
        using var client = DatagramSocket.Bind(IPEndPoint.Parse("127.0.0.1:0"), new ClusterUdpOptions(), out _);
        var counts = new Counts();
        var serving = AnswerAsync(socket, counts);
        Ask(client, bound, WarmUp); // Buffers, state machines: what is made once.

        // On a busy machine the receiver may not come to wait before the next one is there: then only the quick way was measured.
        var attempts = 0;
        for (var waited = false; !waited; attempts++)
        {
            Assert.True(attempts < MaxAttempts, "The receiver hardly ever waits.");
            var (before, waits) = (GC.GetTotalAllocatedBytes(precise: true), Volatile.Read(ref counts.Waits));
            Ask(client, bound, Datagrams);
            var perDatagram = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Datagrams;
            Assert.InRange(perDatagram, 0, Limit);
            waited = Volatile.Read(ref counts.Waits) - waits >= Datagrams / 2;
        }

        await socket.DisposeAsync();
        await serving;
        Assert.Equal(WarmUp + (attempts * Datagrams), counts.Received);
    }

    private sealed class Counts
    {
        public int Received;
        public int Waits;
    }

    /// <summary>One at a time, so that the receiver has to wait for each.</summary>
    private static unsafe void Ask(Descriptor client, IPEndPoint to, int count)
    {
        Span<byte> buffer = stackalloc byte[16], sender = stackalloc byte[PeerAddress.MaxLength];
        var receiver = new PeerAddress(to);
        for (var i = 0; i < count; i++)
        {
            Assert.True(DatagramSocket.TrySend(client, buffer[..8], receiver.Span));
            var poll = new Libc.PollFd { Descriptor = client.Number, Events = Libc.POLLIN };
            while (Libc.poll(&poll, 1, 20_000) is var ready and not 1)
                Assert.True(ready < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR, "No answer has come."); // A signal of the runtime's.
            Assert.True(DatagramSocket.TryReceive(client, buffer, sender, out var length, out _) && length == 8);
            Thread.SpinWait(1_000); // It goes to wait meanwhile.
        }
    }

    private static async Task AnswerAsync(ClusterUdpSocket socket, Counts counts)
    {
        var buffer = new byte[100];
        var sender = new SocketAddress(AddressFamily.InterNetwork);
        while (true)
        {
            var receiving = socket.ReceiveFromAsync(buffer, sender);
            counts.Waits += receiving.IsCompleted ? 0 : 1;
            if (await receiving.ConfigureAwait(false) is not { } length)
                return;
            counts.Received++;
            await socket.SendToAsync(buffer.AsMemory(0, length), sender).ConfigureAwait(false);
        }
    }
}
