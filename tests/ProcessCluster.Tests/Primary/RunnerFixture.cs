using System.Collections.Concurrent;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Locks;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Messaging;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary;

/// <summary>The parts of a supervisor, with workers that have no process and a clock that a test moves.</summary>
internal sealed class RunnerFixture : IDisposable
{
    private readonly EventLoop _loop;
    private readonly PortTable _ports;
    private readonly MessagingScope _messaging;
    private readonly ControlReceiver _receiver;
    private readonly List<FakeChild> _children = [];
    private readonly ConcurrentDictionary<WorkerHandle, ILinkPeer> _peers = new();

    public RunnerFixture()
    {
        _loop = new EventLoop("test", exception => Log.LoopFailed(exception));
        _messaging = new MessagingScope(Log, Time) { Options = new ClusterOptions { Serializer = new Pair.JsonMessages() } };
        var metrics = new ClusterMetrics();
        _ports = new PortTable(_loop, Time, Log, (worker, reason) => Runner!.CutOff(worker, reason), metrics);
        Events = new ClusterEvents(Log);
        Events.Forked += (_, e) => Raised.Enqueue($"forked {e.Worker.Id}");
        Events.Online += (_, e) => Raised.Enqueue($"online {e.Worker.Id}");
        Events.Disconnected += (_, e) => Raised.Enqueue($"disconnected {e.Worker.Id}");
        Events.Hung += (_, e) => Raised.Enqueue($"hung {e.Worker.Id}");
        Events.Exited += (_, e) => Raised.Enqueue($"exited {e.Worker.Id} {e.Exit.Cause}");
        var telemetry = new WorkerTelemetry(metrics, Workers, Time, () => _ports.Waiting, () => 0);
        Reports = new WorkerReports(Workers, Events, telemetry, systemd: null, Time, Log) { Observer = Observer };
        var router = new MessageRouter(Workers);
        Locks = new LockTable(static _ => { }, limit: 100);
        Runner = new LifecycleRunner(Workers, _loop, _ports, router, Locks, Slots, Events, Reports, Time, Log);
        var heartbeats = new Heartbeats(Time, _loop.Post, Workers, worker => Runner.Apply(worker, LifecycleEvent.HeartbeatLost), static () => { });
        _receiver = new ControlReceiver(_loop, Runner, _ports, heartbeats, router, Locks, Time);
        var output = new OutputRelay(
            _loop, new OutputTarget(StandardStream.Output, Log, metrics.OutputLost), new OutputTarget(StandardStream.Error, Log, metrics.OutputLost));
        var starter = new WorkerStarter(Workers, _loop, _messaging, _ports, output, heartbeats, Runner, _receiver, Reports);
        FleetHost = new FleetHost(starter, Runner, Reports, Log);
    }

    public FakeTime Time { get; } = new();

    public RecordingLogger Log { get; } = new();

    /// <summary>Gets what the program's events have told.</summary>
    public ConcurrentQueue<string> Raised { get; } = new();

    public ConcurrentDictionary<int, ClusterWorker> Workers { get; } = new();

    public SlotNumbers Slots { get; } = new();

    public TestObserver Observer { get; } = new();

    public ClusterEvents Events { get; }

    public WorkerReports Reports { get; }

    public LockTable Locks { get; }

    public LifecycleRunner Runner { get; }

    public FleetHost FleetHost { get; }

    /// <summary>Adds a worker whose process has just been started.</summary>
    public (WorkerHandle Worker, FakeChild Child) Add(bool expectsReady = false, bool hasOwnSlot = false, ClusterOptions? options = null) => On(() =>
    {
        var id = Workers.Count + 1;
        var child = new FakeChild(100_000 + id);
        _children.Add(child);
        var worker = new WorkerHandle(
            new WorkerPlace(id, hasOwnSlot ? Slots.Take() : id, Generation: 1), child, options ?? new ClusterOptions(), Lifecycle.Start(expectsReady), Runner)
        {
            IsAdmitted = true,
            HasOwnSlot = hasOwnSlot,
        };
        _peers[worker] = _receiver.PeerOf(worker);
        worker.Connect(_loop, _messaging, _peers[worker]);
        Workers[id] = worker;
        _ports.Add(worker);
        Runner.StartBootTimer(worker);
        Reports.Forked(worker);
        return (worker, child);
    });

    /// <summary>The worker says something over its link.</summary>
    public void Say(WorkerHandle worker, ControlMessage message) => _peers[worker].Receive(message);

    /// <summary>The worker says hello, with the protocol of today.</summary>
    public void Greet(WorkerHandle worker) => Say(worker, new ControlMessage.Hello(ControlCodec.Protocol, worker.ProcessId));

    /// <summary>The worker's link has ended.</summary>
    public void CloseLink(WorkerHandle worker, string? fault = null)
    {
        _peers[worker].Closed(fault);
        Settle();
    }

    /// <summary>The worker's process has ended.</summary>
    public void End(WorkerHandle worker, int? code, Signal? signal = null)
    {
        _children.Single(child => child.Id == worker.ProcessId).Exit = new ChildExit(code, signal);
        On(() =>
        {
            Runner.ExitSeen(worker);
            return true;
        });
    }

    public T On<T>(Func<T> action) => _loop.Invoke(action);

    /// <summary>Waits until the loop has done what it was asked for until now.</summary>
    public void Settle() => _loop.Invoke(static () => true);

    public void Advance(TimeSpan by) => Time.Advance(by, Settle);

    public void Dispose()
    {
        foreach (var child in _children)
            child.Dispose();
    }

    /// <summary>Notes what it is told, and throws where a test wants it.</summary>
    public sealed class TestObserver : ISupervisorObserver
    {
        public List<string> Seen { get; } = [];

        public bool Throws { get; set; }

        public void Up(WorkerHandle worker) => Note($"up {worker.Id}");

        public void Going(WorkerHandle worker, WorkerEnd end) => Note($"going {worker.Id} {end}");

        public void Ended(WorkerHandle worker, WorkerExit exit) => Note($"ended {worker.Id} {exit.Cause}");

        public void Sampled() => Note("sampled");

        public void Exhausted() => Note("exhausted");

        private void Note(string what)
        {
            Seen.Add(what);
            if (Throws)
                throw new InvalidOperationException("the observer fails");
        }
    }
}
