using Microsoft.Extensions.Logging;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Primary.Workers;

/// <summary>Reports hung workers: logs, tells the program, and writes a dump if one is wanted. Belongs to the cluster's loop.</summary>
/// <param name="events">The program's events.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed class HangReporter(ClusterEvents events, TimeProvider time, ILogger logger)
{
    /// <summary>Reports it.</summary>
    /// <param name="worker">The worker, which gave no sign of life for too long.</param>
    /// <param name="done">Called, always, when a dump was written or could not be, or at once when none is wanted.</param>
    public void Report(WorkerHandle worker, Action done)
    {
        logger.WorkerHung(worker, worker.Options.HeartbeatTimeout);
        events.Raise(WorkerEventKind.Hung, new WorkerEventArgs(worker));
        if (worker.Options.HangDumpDirectory is { } directory)
            _ = DumpAsync(worker, directory, done);
        else
            done();
    }

    /// <summary>Waits off the loop, and goes on there.</summary>
    private async Task DumpAsync(WorkerHandle worker, string directory, Action done)
    {
        string? path = null;
        try
        {
            path = HangDump.PathOf(worker, LaunchPath.Absolute(directory));
            await HangDump.WriteAsync(worker, path, time).ConfigureAwait(true);
            worker.DumpPath = path;
            logger.DumpWritten(worker, path);
        }
        catch (Exception exception)
        {
            worker.PartOfDump = path;
            logger.DumpFailed(worker, exception); // Whatever it is, the worker is no better for it.
        }
        done();
    }
}
