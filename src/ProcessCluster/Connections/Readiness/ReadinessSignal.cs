using System.Threading.Tasks.Sources;

namespace ProcessCluster.Connections.Readiness;

/// <summary>
/// Remembers that a direction of a connection became ready and lets one waiter await it. Reused for every wait, so that waiting
/// allocates nothing. The waiter goes on on the thread that signals, which is one of the pool (<see cref="ReadyQueue"/>).
/// </summary>
internal sealed class ReadinessSignal : IValueTaskSource<bool>
{
    private const int Idle = 0, Ready = 1, Waiting = 2, Closed = 3, Woken = 4;

    private ManualResetValueTaskSourceCore<bool> _source;
    private bool _wasWoken;
    private int _state;

    /// <summary>Gets whether the last wait was ended by <see cref="Wake"/> alone. For the waiter, until it waits again.</summary>
    public bool WasWoken => _wasWoken;

    /// <summary>True when the direction may be ready, false when the signal is closed. One waiter at a time.</summary>
    public ValueTask<bool> WaitAsync()
    {
        while (true)
        {
            switch (Volatile.Read(ref _state))
            {
                case (Ready or Woken) and var signaled:
                    if (Interlocked.CompareExchange(ref _state, Idle, signaled) != signaled)
                        break;
                    _wasWoken = signaled == Woken;
                    return new ValueTask<bool>(true);
                case Closed:
                    return new ValueTask<bool>(false);
                case Waiting:
                    throw new InvalidOperationException("The connection is being waited for already: one receive and one send at a time.");
                default:
                    _source.Reset();
                    if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Idle)
                        return new ValueTask<bool>(this, _source.Version);
                    break;
            }
        }
    }

    /// <summary>The direction became ready.</summary>
    public void Set() => Signal(Ready);

    /// <summary>Ends the wait that is under way, or the next one, though the direction may not be ready.</summary>
    public void Wake() => Signal(Woken);

    /// <summary>Ends the wait, now and for all later ones.</summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref _state, Closed) == Waiting)
            _source.SetResult(false);
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Signal(int kind)
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            switch (state)
            {
                case Waiting:
                    if (Interlocked.CompareExchange(ref _state, Idle, Waiting) != Waiting)
                        break;
                    _wasWoken = kind == Woken;
                    _source.SetResult(true);
                    return;
                case Idle:
                case Woken when kind == Ready:
                    if (Interlocked.CompareExchange(ref _state, kind, state) == state)
                        return;
                    break;
                default:
                    return;
            }
        }
    }
}
