using ProcessCluster.Linux.Events;

namespace ProcessCluster.Connections.Readiness;

/// <summary>Turns what the loop sees of a connection into its two signals.</summary>
internal sealed class ReadinessWatch(ReadinessSignal readable, ReadinessSignal writable) : PooledWatch
{
    private volatile bool _hasEnd;

    /// <summary>Gets whether the peer has ended the stream, or the connection is broken.</summary>
    public bool HasEnd => _hasEnd;

    public override void Signal(EpollEvents events)
    {
        if ((events & (EpollEvents.PeerClosed | EpollEvents.Error | EpollEvents.HangUp)) != 0)
            _hasEnd = true; // Before the signal: who is woken sees it.
        if ((events & (EpollEvents.Writable | EpollEvents.Error | EpollEvents.HangUp)) != 0)
            writable.Set();
        if ((events & (EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.Error | EpollEvents.HangUp)) != 0)
            readable.Set();
    }
}
