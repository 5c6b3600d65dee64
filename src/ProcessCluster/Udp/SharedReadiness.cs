using System.Runtime.CompilerServices;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Udp;

/// <summary>
/// Waiting for one direction of a socket that several processes wait for. The socket is watched only while somebody waits, and not any
/// more from the moment that the loop sees it ready. Of the watches that are exclusive (<c>EPOLLEXCLUSIVE</c>, <c>man 2 epoll_ctl</c>) an
/// event wakes one, the one that has waited longest, since each begins at the end of the kernel's queue: processes take turns, and one
/// that is busy is not woken. One waiter at a time; waiting allocates nothing.
/// </summary>
/// <remarks>
/// A process that was woken and does not look, because it was stopped, killed or starved at that moment, leaves the others asleep.
/// Whoever shares the socket has to see to that, and to call <see cref="Recheck"/>.
/// </remarks>
internal sealed class SharedReadiness(EventLoop loop, Descriptor socket, EpollEvents events) : PooledWatch
{
    private readonly ReadinessSignal _signal = new();
    private readonly Lock _gate = new();
    private bool _isWatched;
    private bool _isClosed;

    /// <summary>Completes on the thread pool when the direction may be ready, or is closed.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        Watch();
        using (cancellationToken.UnsafeRegister(static state => ((SharedReadiness)state!).Recheck(), this))
            await _signal.WaitAsync().ConfigureAwait(false);
        Unwatch(); // It still is when it was not the loop that ended the wait.
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Ends the wait that is under way, if there is one, as if the direction were ready.</summary>
    public void Recheck() => ThreadPool.UnsafeQueueUserWorkItem(static signal => signal.Set(), _signal, preferLocal: false);

    /// <summary>
    /// Ends the wait, now and for all later ones. To be called before the descriptor is closed: other processes have copies, with which the
    /// watch would go on.
    /// </summary>
    public void Close()
    {
        lock (_gate)
            _isClosed = true;
        Unwatch();
        ThreadPool.UnsafeQueueUserWorkItem(static signal => signal.Close(), _signal, preferLocal: false);
    }

    public override void OnReady(EpollEvents ready)
    {
        Unwatch();
        base.OnReady(ready);
    }

    public override void Signal(EpollEvents ready) => _signal.Set();

    private void Watch()
    {
        lock (_gate)
        {
            if (_isWatched || _isClosed)
                return;
            loop.Add(this, socket.Number, events);
            _isWatched = true;
        }
    }

    private void Unwatch()
    {
        lock (_gate)
        {
            if (!_isWatched)
                return;
            _isWatched = false;
            loop.Remove(this, socket.Number);
        }
    }
}
