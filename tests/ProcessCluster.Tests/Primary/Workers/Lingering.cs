using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Tests.Primary.Workers;

/// <summary>What a corrupted worker can do to a connection: its last close waits for a client that reads nothing (<c>SO_LINGER</c>, <c>man 7 socket</c>).</summary>
internal static unsafe class Lingering
{
    /// <summary>The time for which that close waits.</summary>
    public static readonly TimeSpan Time = TimeSpan.FromSeconds(20);

    public static void Begin(Descriptor connection)
    {
        var linger = stackalloc int[2] { 1, (int)Time.TotalSeconds };
        Assert.Equal(0, Libc.setsockopt(connection.Number, Libc.SOL_SOCKET, Libc.SO_LINGER, linger, 2 * sizeof(int)));
        var bytes = new byte[64 * 1024];
        while (StreamSocket.TrySend(connection, bytes, out _))
        {
            // Until the kernel takes no more, as the client reads nothing.
        }
    }
}
