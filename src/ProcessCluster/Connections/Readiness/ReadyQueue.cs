using System.Collections.Concurrent;
using ProcessCluster.Linux.Events;

namespace ProcessCluster.Connections.Readiness;

/// <summary>
/// Brings readiness from the loop's thread to the thread pool, many connections with one work item. Before an item handles the first
/// connection it has another one scheduled, so that a continuation that blocks holds up nobody.
/// </summary>
internal sealed class ReadyQueue : IThreadPoolWorkItem
{
    private const int NotScheduled = 0, Scheduled = 1, Looking = 2;

    /// <summary>The time for which one thread runs items while there are more. Then other work of the pool has its turn.</summary>
    private const int SliceMilliseconds = 15;

    private readonly ConcurrentQueue<Entry> _entries = new();
    private int _stage;

    private readonly record struct Entry(PooledWatch Watch, EpollEvents Events);

    public void Add(PooledWatch watch, EpollEvents events)
    {
        _entries.Enqueue(new Entry(watch, events));
        Schedule();
    }

    public void Execute()
    {
        Entry entry;
        while (true)
        {
            Volatile.Write(ref _stage, Looking);
            Interlocked.MemoryBarrier();
            if (_entries.TryDequeue(out entry))
                break;
            // Whoever added an entry meanwhile has changed the stage: then look again.
            if (Interlocked.CompareExchange(ref _stage, NotScheduled, Looking) == Looking)
                return;
        }
        // With more to do, or with an entry added meanwhile, another item follows at once.
        if (!_entries.IsEmpty)
            Volatile.Write(ref _stage, Scheduled);
        if (Interlocked.CompareExchange(ref _stage, NotScheduled, Looking) != Looking)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

        var start = Environment.TickCount;
        do
        {
            entry.Watch.Signal(entry.Events);
        }
        while (Environment.TickCount - start < SliceMilliseconds && _entries.TryDequeue(out entry));
    }

    private void Schedule()
    {
        if (Interlocked.Exchange(ref _stage, Scheduled) == NotScheduled)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
