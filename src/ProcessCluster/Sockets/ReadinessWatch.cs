using ProcessCluster.Platform;

namespace ProcessCluster.Sockets;

/// <summary>Turns what the loop sees of a connection into its two signals.</summary>
internal sealed class ReadinessWatch(ReadinessSignal readable, ReadinessSignal writable) : PooledWatch
{
    private volatile bool _hasEnd;

    /// <summary>Whether the peer has ended the stream, or the connection is broken.</summary>
    public bool HasEnd => _hasEnd;

    public override void Signal(uint events)
    {
        if ((events & (Libc.EPOLLRDHUP | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0)
            _hasEnd = true; // Before the signal: who is woken sees it.
        if ((events & (Libc.EPOLLOUT | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0)
            writable.Set();
        if ((events & (Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0)
            readable.Set();
    }
}
