using System.Net.Sockets;
using ProcessCluster.Platform;

namespace ProcessCluster.Sockets;

/// <summary>A connection as .NET's socket, which counts as open until it is disposed or collected.</summary>
internal sealed class CountedSocket(SafeSocketHandle handle, ConnectionCount count, bool isKnown, uint? number) : Socket(handle)
{
    private int _isClosed;

    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
            count.Closed(isKnown, number); // Before the client sees it.
        base.Dispose(disposing);
    }
}
