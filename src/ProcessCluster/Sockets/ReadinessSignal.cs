using System.Threading.Tasks.Sources;

namespace ProcessCluster.Sockets;

/// <summary>
/// Remembers that a direction of a connection became ready and lets one waiter await it. Reused for every wait, so that waiting
/// allocates nothing. The waiter goes on on the thread that signals, which is one of the pool (<see cref="ReadyQueue"/>).
/// </summary>
internal sealed class ReadinessSignal : IValueTaskSource<bool>
{
    private const int Idle = 0, Ready = 1, Waiting = 2, Closed = 3;

    private ManualResetValueTaskSourceCore<bool> _source;
    private int _state;

    /// <summary>True when the direction may be ready, false when the signal is closed. One waiter at a time.</summary>
    public ValueTask<bool> WaitAsync()
    {
        while (true)
        {
            switch (Volatile.Read(ref _state))
            {
                case Ready:
                    if (Interlocked.CompareExchange(ref _state, Idle, Ready) == Ready)
                        return new ValueTask<bool>(true);
                    break;
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

    public void Set()
    {
        while (true)
        {
            switch (Volatile.Read(ref _state))
            {
                case Idle:
                    if (Interlocked.CompareExchange(ref _state, Ready, Idle) == Idle)
                        return;
                    break;
                case Waiting:
                    if (Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
                    {
                        _source.SetResult(true);
                        return;
                    }
                    break;
                default:
                    return;
            }
        }
    }

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
}
