using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Locks;
using ProcessCluster.Messaging;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>
/// The owner of the workers. Brings together who starts them (<see cref="WorkerStarter"/>), who hears them (<see cref="ControlReceiver"/>), who runs their lives
/// (<see cref="LifecycleRunner"/>), who tells of them (<see cref="WorkerReports"/>), and their ports. Belongs to the cluster's loop, unless said otherwise.
/// </summary>
internal sealed class Supervisor
{
    private readonly OrphanReaper? _orphans = OrphanReaper.IsNeeded ? new OrphanReaper() : null;
    private readonly PortTable _ports;
    private readonly WorkerReports _reports;
    private readonly LifecycleRunner _runner;
    private readonly ControlReceiver _receiver;
    private readonly WorkerStarter _starter;

    /// <param name="events">The program's events.</param>
    /// <param name="messaging">The options and handlers of messages, the clock and the log.</param>
    /// <param name="locks">The cluster's locks.</param>
    public Supervisor(ClusterEvents events, MessagingScope messaging, LockTable locks)
    {
        var time = messaging.Time;
        var logger = messaging.Logger;
        Loop = new EventLoop("ProcessCluster primary", logger.LoopFailed);
        _ports = new PortTable(Loop, time, logger, (worker, reason) => _runner!.CutOff(worker, reason), Metrics);
        Loop.TurnEnded = _ports.EndTurn;
        var telemetry = new WorkerTelemetry(Metrics, Workers, time, () => _ports.Waiting, () => _ports.Failover.Kept);
        _reports = new WorkerReports(Workers, events, telemetry, SystemdNotifier.OfEnvironment(Loop.Post, time, logger), time, logger);
        var router = new MessageRouter(Workers);
        _runner = new LifecycleRunner(Workers, Loop, _ports, router, locks, SlotNumbers, events, _reports, time, logger);
        var heartbeats = new Heartbeats(time, Loop.Post, Workers, worker => _runner.Apply(worker, LifecycleEvent.HeartbeatLost), Sample);
        _receiver = new ControlReceiver(Loop, _runner, _ports, heartbeats, router, locks, time);
        var output = new OutputRelay(
            new EventLoop("ProcessCluster output", logger.LoopFailed),
            new OutputTarget(StandardStream.Output, logger, Metrics.OutputLost),
            new OutputTarget(StandardStream.Error, logger, Metrics.OutputLost));
        _starter = new WorkerStarter(Workers, Loop, messaging, _ports, output, heartbeats, _runner, _receiver, _reports);
        FleetHost = new FleetHost(_starter, _runner, _reports, logger);
    }

    /// <summary>The loop that all of this runs on.</summary>
    public EventLoop Loop { get; }

    public ClusterMetrics Metrics { get; } = new();

    /// <summary>Those that are not dead. Changed on the loop only; read from anywhere.</summary>
    public ConcurrentDictionary<int, ClusterWorker> Workers { get; } = new();

    /// <summary>The numbers of slots, of all workers.</summary>
    public SlotNumbers SlotNumbers { get; } = new();

    /// <summary>Carries out what a fleet decides.</summary>
    public IFleetHost FleetHost { get; }

    /// <inheritdoc cref="WorkerReports.Observer"/>
    public ISupervisorObserver? Observer
    {
        get => _reports.Observer;
        set => _reports.Observer = value;
    }

    /// <inheritdoc cref="WorkerStarter.Reached"/>
    public Action<StartStep>? Reached
    {
        get => _starter.Reached;
        set
        {
            _starter.Reached = value;
            _receiver.Greeting = value is null ? null : () => value(StartStep.Greeting);
        }
    }

    /// <summary>Gets the number of connections that wait for a worker. May be read on any thread.</summary>
    public int WaitingConnections => _ports.Waiting;

    /// <inheritdoc cref="WorkerReports.History"/>
    public IReadOnlyList<WorkerRecord> History => _reports.History;

    /// <summary>Starts a worker that nobody replaces.</summary>
    /// <inheritdoc cref="WorkerStarter.Start" path="/exception"/>
    public WorkerHandle Fork(ClusterOptions options, IReadOnlyDictionary<string, string?>? environment)
    {
        var slot = SlotNumbers.Take();
        try
        {
            var seat = new FleetSeat(slot, Generation: 1, IsAdmitted: true, BootIsAwaited: false);
            var worker = _starter.Start(seat, options, environment, Lifecycle.Start(expectsReady: false));
            worker.HasOwnSlot = true;
            return worker;
        }
        catch
        {
            SlotNumbers.GiveBack(slot);
            throw;
        }
    }

    /// <summary>Asks all workers to leave and closes the ports, so that new clients are refused rather than kept waiting.</summary>
    public Task[] LeaveAll()
    {
        _reports.Stopping();
        _ports.Clear();
        var workers = Workers.Values.Cast<WorkerHandle>().ToList();
        foreach (var worker in workers)
            _runner.Apply(worker, LifecycleEvent.LeaveWanted);
        return [.. workers.Select(static worker => worker.GoneWithOutput())];
    }

    /// <summary>A worker that has a lock now is told so. May be called from any thread.</summary>
    public void GrantLock(int workerId, int request)
    {
        if (Workers.TryGetValue(workerId, out var worker))
            ((WorkerHandle)worker).Send(new ControlMessage.LockGranted(request));
    }

    /// <summary>Tells systemd, where there is one, that the cluster is up.</summary>
    public void NotifyStarted() => _reports.Started();

    /// <summary>A reload begins or has ended.</summary>
    public void NotifyReloading(bool isUnderWay)
    {
        _ports.IsReloading = isUnderWay;
        _reports.Reloading(isUnderWay);
    }

    private void Sample()
    {
        _orphans?.Poll(child => Workers.Values.Any(worker => worker.ProcessId == child));
        _ports.Poll();
        Observer?.Sampled();
    }
}
