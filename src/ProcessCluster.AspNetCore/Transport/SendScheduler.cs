using System.Collections.Concurrent;
using System.IO.Pipelines;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>
/// Runs the sending loops after the application's work rather than within it: what it writes in several steps, headers, body, end, goes
/// out with one send, and one work item of the pool sends for many connections.
/// </summary>
internal sealed class SendScheduler : PipeScheduler, IThreadPoolWorkItem
{
    private readonly ConcurrentQueue<(Action<object?> Action, object? State)> _work = new();
    private int _isScheduled;

    public override void Schedule(Action<object?> action, object? state)
    {
        _work.Enqueue((action, state));
        if (Interlocked.CompareExchange(ref _isScheduled, 1, 0) == 0)
            System.Threading.ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    public void Execute()
    {
        while (true)
        {
            while (_work.TryDequeue(out var item))
                item.Action(item.State);

            _isScheduled = 0;
            Interlocked.MemoryBarrier(); // What was enqueued before this is seen below; what comes after schedules anew.
            if (_work.IsEmpty || Interlocked.CompareExchange(ref _isScheduled, 1, 0) != 0)
                return;
        }
    }
}
