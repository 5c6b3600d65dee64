using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary;

/// <summary>
/// Tells everybody who has to hear of it what becomes of workers: the log, the program's events, metrics and traces, systemd, the history, and the keeper of the fleet.
/// What one of them throws keeps none of the others from hearing. Belongs to the cluster's loop.
/// </summary>
internal sealed class WorkerReports
{
    private readonly ConcurrentDictionary<int, ClusterWorker> _workers;
    private readonly ClusterEvents _events;
    private readonly ILogger _logger;
    private readonly WorkerTelemetry _telemetry;
    private readonly ExitLog _history;
    private readonly SystemdNotifier? _systemd;

    /// <param name="workers">Those that are not dead.</param>
    /// <param name="events">The program's events.</param>
    /// <param name="telemetry">Metrics and traces.</param>
    /// <param name="systemd">The service manager; null where none waits to be told.</param>
    /// <param name="time">The clock of the history.</param>
    /// <param name="logger">The log.</param>
    public WorkerReports(
        ConcurrentDictionary<int, ClusterWorker> workers, ClusterEvents events, WorkerTelemetry telemetry, SystemdNotifier? systemd, TimeProvider time, ILogger logger)
    {
        _workers = workers;
        _events = events;
        _logger = logger;
        _telemetry = telemetry;
        _systemd = systemd;
        _history = new ExitLog(time);
    }

    /// <summary>Gets or sets the keeper of the fleet; null where the program forks by hand.</summary>
    public ISupervisorObserver? Observer { get; set; }

    /// <summary>The last workers that were, the latest last. May be read on any thread.</summary>
    public IReadOnlyList<WorkerRecord> History => _history.Records;

    /// <summary>The cluster is up. Told once.</summary>
    public void Started() => _systemd?.Started();

    /// <summary>A reload begins or has ended.</summary>
    public void Reloading(bool isUnderWay) => Guard(() => _systemd?.Reloading(isUnderWay));

    /// <summary>The whole cluster leaves.</summary>
    public void Stopping() => _systemd?.Stopping();

    /// <summary>The number of workers that serve may have changed.</summary>
    public void CountReady() => _systemd?.Ready(
        _workers.Values.Count(static worker => worker is WorkerHandle { IsUp: true, IsGoing: false, IsStandby: false }));

    public void Forked(WorkerHandle worker)
    {
        Guard(() => _telemetry.Forked(worker));
        _logger.WorkerStarted(worker);
        _events.Raise(WorkerEventKind.Forked, new WorkerEventArgs(worker));
    }

    /// <summary>The worker's boot is over.</summary>
    public void Up(WorkerHandle worker)
    {
        Guard(() => _telemetry.Up(worker));
        CountReady();
        if (Observer is null)
            Started(); // Forked by hand: nobody knows better when they are all there.
        Observer?.Up(worker);
    }

    /// <summary>The worker's leaving is wanted, by whichever side.</summary>
    public void Leaving(WorkerHandle worker)
    {
        Guard(() => _telemetry.Leaving(worker));
        CountReady();
    }

    /// <summary>Returns how and why the worker has ended; less of it when that cannot be found out.</summary>
    public WorkerExit Explain(WorkerHandle worker, ChildExit status)
    {
        try
        {
            return _history.Explain(worker, status);
        }
        catch (Exception exception)
        {
            _logger.LoopFailed(exception);
            return new WorkerExit(worker.Life.CauseOf(status, worker.Fault is not null), status.ExitCode, status.Signal) { Reason = worker.Fault };
        }
    }

    /// <summary>The worker's process is gone, and whatever it had.</summary>
    public void Ended(WorkerHandle worker, WorkerExit exit)
    {
        _ = LogEndAsync(worker, exit);
        _history.Add(worker, exit);
        Guard(() => _telemetry.Ended(worker, exit));
        Guard(CountReady);
        Guard(() => Observer?.Ended(worker, exit));
        // What it had said before comes before.
        _events.Raise(WorkerEventKind.Exited, new WorkerExitedEventArgs(worker, exit), after: Task.WhenAll(worker.Channel.Drained, worker.OutputEnded));
    }

    /// <summary>Does something on which nothing else depends: what it throws is logged, and what comes after it is done.</summary>
    public void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            _logger.LoopFailed(exception); // A listener of the program's to what is measured, or an error of this library.
        }
    }

    /// <summary>At once, unless what it wrote last is to be in it.</summary>
    private async Task LogEndAsync(WorkerHandle worker, WorkerExit exit)
    {
        var told = await worker.ExplainAsync(exit).ConfigureAwait(false);
        if (told is { IsUnexplained: false, Cause: WorkerExitCause.Requested or WorkerExitCause.Completed or WorkerExitCause.Killed or WorkerExitCause.Recycled })
            _logger.WorkerLeft(worker.Id, worker.ProcessId, told);
        else if (worker.Life.IsUp || !worker.BootIsAwaited)
            _logger.WorkerLost(worker.Id, worker.ProcessId, told);
    }
}
