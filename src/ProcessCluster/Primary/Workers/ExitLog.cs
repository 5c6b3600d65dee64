using System.Collections.Concurrent;
using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Primary.Workers;

/// <summary>Explains how workers ended, and remembers the last of them. Written on the cluster's loop, read from anywhere.</summary>
internal sealed class ExitLog(TimeProvider time)
{
    private const int Length = 100;

    private readonly MemoryGroup _memory = new();
    private readonly ConcurrentQueue<WorkerRecord> _records = new();

    /// <summary>The last workers that were, the latest last.</summary>
    public IReadOnlyList<WorkerRecord> Records => [.. _records];

    /// <summary>Returns how and why the worker has ended.</summary>
    public WorkerExit Explain(WorkerHandle worker, ChildExit status)
    {
        if (status.Signal == Signal.SIGKILL && worker.Life is { KilledWith: null, Overdue: false, Hung: false })
            status = status with { ForWantOfMemory = _memory.TryTakeKill() };
        return new WorkerExit(worker.Life.CauseOf(status, worker.Fault is not null), status.ExitCode, status.Signal)
        {
            Reason = worker.Fault ?? worker.LeaveReason,
            DumpPath = worker.DumpPath,
            BeforeReady = !worker.Life.IsUp,
        };
    }

    public void Add(WorkerHandle worker, WorkerExit exit)
    {
        _records.Enqueue(new WorkerRecord(worker.Id, worker.ProcessId, worker.Slot, worker.Generation, worker.Started, time.GetUtcNow(), exit));
        if (_records.Count > Length)
            _records.TryDequeue(out _);
    }
}
