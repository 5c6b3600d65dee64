using System.Net.Sockets;

namespace ProcessCluster.Connections;

/// <summary>
/// A connection as .NET's socket, which counts as open until it is disposed or collected. Disposing ends it for every process that has a copy (a stopped worker to which it was offered in
/// vain, the primary), so that the peer sees the end at once.
/// </summary>
internal sealed class TrackedSocket(SafeSocketHandle handle, WorkerConnectionReporter count, bool isKnown, uint? number) : Socket(handle)
{
    private int _isClosed;

    private void End()
    {
        try
        {
            // Who wants a reset gets it when the last copy is closed: an end in order would not tell the peer that the stream was cut.
            if (LingerState is not { Enabled: true, LingerTime: 0 })
                Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
            count.Closed(isKnown, number); // Before the client sees it.
        if (disposing)
            End();
        base.Dispose(disposing);
    }
}
