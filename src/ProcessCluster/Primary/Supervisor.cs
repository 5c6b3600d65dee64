using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Locks;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>
/// The owner of the workers: starts them, feeds what happens to them into their lifecycle, and does what the lifecycle says. All of it
/// on the cluster's loop; no lock guards anything here.
/// </summary>
internal sealed partial class Supervisor : IWorkerControl, IFleetHost
{
    /// <summary>The time by which the end of a pipe may come after the end of the process.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly OutputRelay _output;
    private readonly PortTable _ports;
    private readonly ClusterEvents _events;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MessagingScope _messaging;
    private readonly MessageRouter _router;
    private readonly Heartbeats _heartbeats;
    private readonly ExitLog _history;
    private readonly WorkerTelemetry _telemetry;
    private readonly SystemdNotifier? _systemd;
    private readonly OrphanReaper? _orphans = OrphanReaper.IsNeeded ? new OrphanReaper() : null;
    private int _lastId;

    public Supervisor(ClusterEvents events, MessagingScope messaging)
    {
        _events = events;
        _messaging = messaging;
        _time = messaging.Time;
        _logger = messaging.Logger;
        _loop = new EventLoop("ProcessCluster primary", _logger.LoopFailed);
        _output = new OutputRelay(
            new EventLoop("ProcessCluster output", _logger.LoopFailed),
            new OutputTarget(StandardStream.Output, _logger, Metrics.OutputLost),
            new OutputTarget(StandardStream.Error, _logger, Metrics.OutputLost));
        _ports = new PortTable(_loop, _time, _logger, CutOff, Metrics);
        _loop.TurnEnded = _ports.EndTurn;
        _telemetry = new WorkerTelemetry(Metrics, Workers, _time, () => _ports.Waiting, () => _ports.Failover.Kept);
        _systemd = SystemdNotifier.OfEnvironment(_loop.Post, _time, _logger);
        _router = new MessageRouter(Workers);
        _history = new ExitLog(_time);
        _heartbeats = new Heartbeats(_time, _loop.Post, Workers, worker => Apply(worker, LifecycleEvent.HeartbeatLost), Sample);
    }

    /// <summary>The loop that all of this runs on.</summary>
    public EventLoop Loop => _loop;

    public ClusterMetrics Metrics { get; } = new();

    /// <summary>Those that are not dead. Changed on the loop only; read from anywhere.</summary>
    public ConcurrentDictionary<int, ClusterWorker> Workers { get; } = new();

    /// <summary>The cluster's locks.</summary>
    public required LockTable Locks { get; init; }

    /// <summary>Connections that wait for a worker.</summary>
    public int WaitingConnections => _ports.Waiting;

    /// <summary>The last workers that were, the latest last.</summary>
    public IReadOnlyList<WorkerRecord> History => _history.Records;

    public void WantLeave(WorkerHandle worker) => _loop.Post(() => Apply(worker, LifecycleEvent.LeaveWanted));

    public void WantKill(WorkerHandle worker, Signal signal) => _loop.Invoke(() =>
    {
        if (worker.IsDead)
            return false;
        worker.Life = worker.Life with { KilledWith = signal };
        return worker.Child.Kill(signal);
    });

    /// <summary>Asks all workers to leave and closes the ports, so that new clients are refused rather than kept waiting.</summary>
    public Task[] LeaveAll()
    {
        _systemd?.Stopping();
        _ports.Clear();
        var workers = Workers.Values.Cast<WorkerHandle>().ToList();
        foreach (var worker in workers)
            Apply(worker, LifecycleEvent.LeaveWanted);
        return [.. workers.Select(static worker => worker.GoneWithOutput())];
    }

    /// <summary>A worker that has a lock now is told so. May be called from any thread.</summary>
    public void GrantLock(int workerId, int request)
    {
        if (Workers.TryGetValue(workerId, out var worker))
            ((WorkerHandle)worker).Send(new ControlMessage.LockGranted(request));
    }

    private void Receive(WorkerHandle worker, ControlMessage message)
    {
        switch (message)
        {
            case ControlMessage.Hello { Protocol: not ControlCodec.Protocol } hello:
                CutOff(worker, $"it speaks version {hello.Protocol} of the protocol, this primary version {ControlCodec.Protocol}. "
                    + "Run the same version of ProcessCluster in both.");
                break;
            case ControlMessage.Hello:
                Reached?.Invoke(StartStep.Greeting);
                worker.Channel.Outbox.Release();
                Apply(worker, LifecycleEvent.Hello);
                break;
            case ControlMessage.Listen listen:
                if (_ports.Bind(worker, listen) is { } answer)
                    worker.Send(answer);
                break;
            case ControlMessage.Listening listening:
                // None when the port was closed meanwhile: then it listens for nothing.
                if (_ports.Candidate(worker, listening.Port) is { } port)
                    Apply(worker, LifecycleEvent.Listens, port);
                break;
            case ControlMessage.CloseListener close:
                _ports.CloseListener(worker, close.Port);
                break;
            case ControlMessage.Ready ready:
                Apply(worker, LifecycleEvent.Ready);
                MarkUp(worker, ready.Addresses);
                break;
            case ControlMessage.StartFailed failed:
                worker.Fault = failed.Reason;
                break;
            case ControlMessage.Leaving:
                Apply(worker, LifecycleEvent.LeaveAnnounced);
                break;
            case ControlMessage.Pong pong:
                _heartbeats.Answered(worker, pong);
                break;
            case ControlMessage.BindUdp bind:
                if (_ports.Bind(worker, bind) is { } refusal)
                    worker.Send(refusal);
                break;
            default:
                CutOff(worker, $"it sent {message.GetType().Name}, which a worker does not send.");
                break;
        }
    }

    private void LinkClosed(WorkerHandle worker, string? fault)
    {
        if (fault is not null)
            CutOff(worker, fault);
        Locks.RemoveWaiting(worker.Id);
        worker.Channel.StopSending($"{worker} has closed its link.");
        worker.Channel.EndReceiving();
        // How it ended is nearly always known a moment later.
        _time.CreateTimer(_ => Forget(worker, $"{worker} has closed its link."), null, LastWords, Timeout.InfiniteTimeSpan);
        Apply(worker, LifecycleEvent.LinkClosed);
        if (worker.ExitSeen)
            End(worker);
    }

    private void MarkUp(WorkerHandle worker, IReadOnlyCollection<string> addresses)
    {
        if (!worker.Life.IsUp || worker.UpSince != 0)
            return;
        if (worker.State < WorkerState.Draining)
            worker.SetTimer(null);
        worker.MarkUp(addresses, _time.GetTimestamp());
        AdmitIfUp(worker);
        Guard(() => _telemetry.Up(worker));
        NotifyReady();
        if (Observer is null)
            NotifyStarted(); // Forked by hand: nobody knows better when they are all there.
        Observer?.Up(worker);
    }

    private void AdmitIfUp(WorkerHandle worker)
    {
        if (worker is { IsAdmitted: true, IsUp: true, IsGoing: false })
            _ports.Admit(worker);
    }

    /// <summary>A worker that does not keep to the protocol cannot be trusted with connections.</summary>
    private void CutOff(WorkerHandle worker, string reason)
    {
        if (worker.IsDead)
            return;
        _logger.LinkFault(worker, reason);
        worker.Fault ??= reason;
        worker.Child.KillTree();
    }

    private void Apply(WorkerHandle worker, LifecycleEvent @event, IPort? port = null)
    {
        var before = worker.Life;
        var (next, actions) = before.On(@event);
        worker.Life = next;
        if (next.LeaveWanted && !before.LeaveWanted)
        {
            worker.MarkLeaving();
            worker.ConnectionsAtLeave = worker.Board.Open;
            worker.CutBeforeLeave = worker.Board.Cut;
            worker.ConnectionsMoved = 0;
            Guard(() => _telemetry.Leaving(worker));
            NotifyReady();
        }

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
            ReportHang(worker);
        if (actions.HasFlag(LifecycleActions.RaiseDisconnected))
            _events.Raise(WorkerEventKind.Disconnected, new WorkerEventArgs(worker));
        if (next.Hung && !before.Hung)
            Observer?.Going(worker, WorkerEnd.Failed);
        else if (next.LeaveWanted && !before.LeaveWanted && !next.Hung)
            Observer?.Going(worker, WorkerEnd.Left);
    }

    /// <summary>Says so, writes a dump if one is wanted, off the loop, and has the worker killed.</summary>
    private void ReportHang(WorkerHandle worker)
    {
        _logger.WorkerHung(worker, worker.Options.HeartbeatTimeout);
        _events.Raise(WorkerEventKind.Hung, new WorkerEventArgs(worker));
        if (worker.Options.HangDumpDirectory is { } directory)
            _ = DumpAsync();
        else
            Apply(worker, LifecycleEvent.HangReported);

        async Task DumpAsync()
        {
            string? path = null;
            try
            {
                path = HangDump.PathOf(worker, LaunchPath.Absolute(directory));
                await HangDump.WriteAsync(worker, path, _time).ConfigureAwait(true);
                worker.DumpPath = path;
                _logger.DumpWritten(worker, path);
            }
            catch (Exception exception)
            {
                worker.PartOfDump = path;
                _logger.DumpFailed(worker, exception); // Whatever it is, the worker is no better for it.
            }
            Apply(worker, LifecycleEvent.HangReported);
        }
    }

    /// <summary>
    /// The process has ended. What it had said before is still to be read, up to the end of the pipe, which its end has closed. Only a
    /// child of its own, started before it knew that it is a worker, could hold the pipe open: that is not waited for long.
    /// </summary>
    private void ExitSeen(WorkerHandle worker)
    {
        worker.ExitSeen = true;
        if (worker.IsConnected)
            worker.SetTimer(_time.CreateTimer(_ => _loop.Post(() => End(worker)), null, LastWords, Timeout.InfiniteTimeSpan));
        else
            End(worker);
    }

    private void End(WorkerHandle worker)
    {
        if (worker.IsDead || worker.Child.TryReap() is not { } status)
            return;
        // Whoever waits for this end hears of it, and another worker follows, whatever fails on the way.
        Guard(worker.RemoveLeftFiles);
        var exit = Explain(worker, status);
        worker.HasCrashed = exit.IsCrash;
        Guard(() => Apply(worker, LifecycleEvent.Exited));
        Workers.TryRemove(worker.Id, out _);
        if (worker.HasOwnSlot)
            SlotNumbers.GiveBack(worker.Slot);
        var ending = $"{worker} {exit}".TrimEnd('.') + ".";
        Guard(() =>
        {
            Locks.RemoveAll(worker.Id);
            worker.Channel.StopSending(ending);
            worker.Channel.EndReceiving();
            Forget(worker, ending);
        });
        Guard(() => _ports.Remove(worker));
        worker.CountDrainOutcome();
        _ = LogEndAsync(worker, exit);
        _history.Add(worker, exit);
        Guard(() => _telemetry.Ended(worker, exit));
        Guard(NotifyReady);
        Guard(() => Observer?.Ended(worker, exit));
        // What it had said before comes before.
        _events.Raise(WorkerEventKind.Exited, new WorkerExitedEventArgs(worker, exit), after: Task.WhenAll(worker.Channel.Drained, worker.OutputEnded));
        worker.MarkGone(exit);
    }

    private WorkerExit Explain(WorkerHandle worker, ChildExit status)
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

    private void Sample()
    {
        _orphans?.Poll(child => Workers.Values.Any(worker => worker.ProcessId == child));
        _ports.Poll();
        Observer?.Sampled();
    }

    /// <summary>Nobody waits for its answers any more, here or in another worker.</summary>
    private void Forget(WorkerHandle worker, string reason)
    {
        worker.Channel.FailPending(reason);
        _router.Forget(worker, reason);
    }

    private ITimer Timer(TimeSpan after, WorkerHandle worker, LifecycleEvent @event) =>
        _time.CreateTimer(_ => _loop.Post(() => Apply(worker, @event)), null, after, Timeout.InfiniteTimeSpan);

    private sealed class ExitWatch(Supervisor supervisor, WorkerHandle worker) : EventLoop.Watch
    {
        /// <summary>Gets whether the loop watches it.</summary>
        public bool IsWatching { get; set; }

        public override void OnReady(EpollEvents events)
        {
            // The event may have been meant for the watch that had this slot before.
            if (worker.ExitSeen || !worker.Child.HasEnded)
                return;
            supervisor._loop.Remove(this, worker.Child.ExitDescriptor);
            supervisor.ExitSeen(worker);
        }
    }
}
