using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using ProcessCluster.Platform;
using ProcessCluster.Sockets;
using ProcessCluster.Tests.Messaging;

namespace ProcessCluster.Tests.Sockets;

/// <summary>What a datagram costs the garbage collector.</summary>
[Collection(nameof(Alone))]
public sealed class UdpAllocationTests
{
    private const int Datagrams = 20_000;

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
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 20_000 };
        await client.ConnectAsync(bound);
        var serving = AnswerAsync(socket);
        Ask(client, 2_000); // Buffers, state machines: what is made once.

        var before = GC.GetTotalAllocatedBytes(precise: true);
        Ask(client, Datagrams);
        var perDatagram = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Datagrams;
        Assert.InRange(perDatagram, 0, Limit);

        await socket.DisposeAsync();
        var (count, waits) = await serving;
        Assert.Equal(2_000 + Datagrams, count);
        Assert.InRange(waits, Datagrams / 2, int.MaxValue); // It was not only the quick way that was measured.
    }

    /// <summary>One at a time, so that the receiver has to wait for each.</summary>
    private static void Ask(Socket client, int count)
    {
        Span<byte> buffer = stackalloc byte[16];
        for (var i = 0; i < count; i++)
        {
            client.Send(buffer[..8]);
            Assert.True(client.Receive(buffer) == 8);
        }
    }

    private static async Task<(int Count, int Waits)> AnswerAsync(ClusterUdpSocket socket)
    {
        var buffer = new byte[100];
        var sender = new SocketAddress(AddressFamily.InterNetwork);
        int count = 0, waits = 0;
        while (true)
        {
            var receiving = socket.ReceiveFromAsync(buffer, sender);
            waits += receiving.IsCompleted ? 0 : 1;
            if (await receiving.ConfigureAwait(false) is not { } length)
                return (count, waits);
            count++;
            await socket.SendToAsync(buffer.AsMemory(0, length), sender).ConfigureAwait(false);
        }
    }
}
