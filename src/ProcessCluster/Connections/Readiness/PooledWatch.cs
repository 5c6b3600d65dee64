using ProcessCluster.Linux.Events;

namespace ProcessCluster.Connections.Readiness;

/// <summary>A watch that is told on the thread pool, so that a pool that is starved is felt rather than hidden.</summary>
internal abstract class PooledWatch : EventLoop.Watch
{
    public override void OnReady(EpollEvents events) => SocketLoop.Ready.Add(this, events);

    /// <summary>Called on the thread pool; for the same watch perhaps on two threads at once.</summary>
    public abstract void Signal(EpollEvents events);
}
