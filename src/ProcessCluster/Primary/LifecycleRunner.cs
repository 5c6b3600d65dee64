using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Locks;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>
/// The runner of workers' lives: feeds what happens to a worker into its <see cref="Lifecycle"/>, and does what that says, up to the end of its process. All on the cluster's loop; no lock
/// guards anything here.
/// </summary>
internal sealed class LifecycleRunner : IWorkerControl
{
    /// <summary>The time by which the end of a pipe may come after the end of the process.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<int, ClusterWorker> _workers;
    private readonly EventLoop _loop;
    private readonly PortTable _ports;
    private readonly MessageRouter _router;
    private readonly LockTable _locks;
    private readonly SlotNumbers _slots;
    private readonly ClusterEvents _events;
    private readonly WorkerReports _reports;
    private readonly HangReporter _hangs;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <param name="workers">Those that are not dead.</param>
    /// <param name="loop">The cluster's.</param>
    /// <param name="ports">The cluster's ports.</param>
    /// <param name="router">The router of messages between workers.</param>
    /// <param name="locks">The cluster's locks.</param>
    /// <param name="slots">The numbers of slots.</param>
    /// <param name="events">The program's events.</param>
    /// <param name="reports">Told what becomes of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public LifecycleRunner(
        ConcurrentDictionary<int, ClusterWorker> workers,
        EventLoop loop,
        PortTable ports,
        MessageRouter router,
        LockTable locks,
        SlotNumbers slots,
        ClusterEvents events,
        WorkerReports reports,
        TimeProvider time,
        ILogger logger)
    {
        _workers = workers;
        _loop = loop;
        _ports = ports;
        _router = router;
        _locks = locks;
        _slots = slots;
        _events = events;
        _reports = reports;
        _time = time;
        _logger = logger;
        _hangs = new HangReporter(events, time, logger);
    }

    public void WantLeave(WorkerHandle worker) => _loop.Post(() => Apply(worker, LifecycleEvent.LeaveWanted));

    public void WantKill(WorkerHandle worker, Signal signal) => _loop.Invoke(() =>
    {
        if (worker.IsDead)
            return false;
        worker.Life = worker.Life with { KilledWith = signal };
        return worker.Child.Kill(signal);
    });

    /// <summary>Begins the time for the boot.</summary>
    public void StartBootTimer(WorkerHandle worker) => worker.SetTimer(Timer(worker.Options.BootTimeout, worker, LifecycleEvent.BootOverdue));

    /// <summary>Notes, when the lifecycle says so, that the boot is over. Does nothing the second time.</summary>
    public void MarkUp(WorkerHandle worker, IReadOnlyCollection<string> addresses)
    {
        if (!worker.Life.IsUp || worker.UpSince != 0)
            return;
        if (worker.State < WorkerState.Draining)
            worker.SetTimer(null);
        worker.MarkUp(addresses, _time.GetTimestamp());
        AdmitIfUp(worker);
        _reports.Up(worker);
    }

    /// <summary>Gives it connections, if it is up and has been admitted.</summary>
    public void AdmitIfUp(WorkerHandle worker)
    {
        if (worker is { IsAdmitted: true, IsUp: true, IsGoing: false })
            _ports.Admit(worker);
    }

    /// <summary>A worker that does not keep to the protocol cannot be trusted with connections.</summary>
    public void CutOff(WorkerHandle worker, string reason)
    {
        if (worker.IsDead)
            return;
        _logger.LinkFault(worker, reason);
        worker.Fault ??= reason;
        worker.Child.KillTree();
    }

    /// <summary>Something has happened to the worker.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="event">The event.</param>
    /// <param name="port">The port that it listens on now, with <see cref="LifecycleEvent.Listens"/>.</param>
    public void Apply(WorkerHandle worker, LifecycleEvent @event, IPort? port = null)
    {
        var before = worker.Life;
        var (next, actions) = before.On(@event);
        worker.Life = next;
        if (next.LeaveWanted && !before.LeaveWanted)
            BeginLeaving(worker);
        if (actions.HasFlag(LifecycleActions.StopOffering))
            _ports.StopOffering(worker);
        if (actions.HasFlag(LifecycleActions.SendDisconnect))
            worker.Send(new ControlMessage.Disconnect(_ports.CanMoveFrom(worker)));
        if (actions.HasFlag(LifecycleActions.NoteLeaving))
            worker.Send(new ControlMessage.LeavingNoted(_ports.CanMoveFrom(worker)));
        if (actions.HasFlag(LifecycleActions.StartDrainTimer))
            worker.SetTimer(Timer(worker.Options.DrainTimeout, worker, LifecycleEvent.DrainOverdue));
        if (actions.HasFlag(LifecycleActions.Kill))
        {
            if (@event == LifecycleEvent.BootOverdue)
                worker.Fault ??= $"it was not up within {worker.Options.BootTimeout}";
            worker.Child.KillTree();
        }
        Raise(worker, actions, port);
        if (next.Hung && !before.Hung)
            _reports.Observer?.Going(worker, WorkerEnd.Failed);
        else if (next.LeaveWanted && !before.LeaveWanted && !next.Hung)
            _reports.Observer?.Going(worker, WorkerEnd.Left);
    }

    /// <summary>The link has closed, and nothing more is sent over it.</summary>
    public void LinkClosed(WorkerHandle worker)
    {
        Apply(worker, LifecycleEvent.LinkClosed);
        if (worker.ExitSeen)
            End(worker);
    }

    /// <summary>
    /// The process has ended. What it had said before is still to be read, up to the end of the pipe, which its end has closed. Only a
    /// child of its own, started before it knew that it is a worker, could hold the pipe open: that is not waited for long.
    /// </summary>
    public void ExitSeen(WorkerHandle worker)
    {
        worker.ExitSeen = true;
        if (worker.IsConnected)
            worker.SetTimer(_time.CreateTimer(_ => _loop.Post(() => End(worker)), null, LastWords, Timeout.InfiniteTimeSpan));
        else
            End(worker);
    }

    private void BeginLeaving(WorkerHandle worker)
    {
        worker.MarkLeaving();
        worker.ConnectionsAtLeave = worker.Board.Open;
        worker.CutBeforeLeave = worker.Board.Cut;
        worker.ConnectionsMoved = 0;
        _reports.Leaving(worker);
    }

    private void Raise(WorkerHandle worker, LifecycleActions actions, IPort? port)
    {
        if (actions.HasFlag(LifecycleActions.RaiseOnline))
        {
            _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(worker));
            MarkUp(worker, []);
        }
        if (actions.HasFlag(LifecycleActions.RaiseListening))
        {
            _events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(worker, port!.EndPoint, port.SocketType));
            MarkUp(worker, [$"{port.EndPoint}"]);
        }
        if (actions.HasFlag(LifecycleActions.ReportHang))
            _hangs.Report(worker, () => Apply(worker, LifecycleEvent.HangReported));
        if (actions.HasFlag(LifecycleActions.RaiseDisconnected))
            _events.Raise(WorkerEventKind.Disconnected, new WorkerEventArgs(worker));
    }

    /// <summary>Ends the worker when its process is reaped. All who wait for that hear of it, and another worker follows, whatever fails on the way.</summary>
    private void End(WorkerHandle worker)
    {
        if (worker.IsDead || worker.Child.TryReap() is not { } status)
            return;
        _reports.Guard(worker.RemoveLeftFiles);
        var exit = _reports.Explain(worker, status);
        worker.HasCrashed = exit.IsCrash;
        _reports.Guard(() => Apply(worker, LifecycleEvent.Exited));
        _workers.TryRemove(worker.Id, out _);
        if (worker.HasOwnSlot)
            _slots.GiveBack(worker.Slot);
        var ending = $"{worker} {exit}".TrimEnd('.') + ".";
        _reports.Guard(() =>
        {
            _locks.RemoveAll(worker.Id);
            worker.Channel.StopSending(ending);
            worker.Channel.EndReceiving();
            _router.Forget(worker, ending);
        });
        _reports.Guard(() => _ports.Remove(worker));
        worker.CountDrainOutcome();
        _reports.Ended(worker, exit);
        worker.MarkGone(exit);
    }

    private ITimer Timer(TimeSpan after, WorkerHandle worker, LifecycleEvent @event) =>
        _time.CreateTimer(_ => _loop.Post(() => Apply(worker, @event)), null, after, Timeout.InfiniteTimeSpan);
}
