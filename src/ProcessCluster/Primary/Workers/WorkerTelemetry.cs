using System.Collections.Concurrent;
using System.Diagnostics;
using ProcessCluster.Diagnostics;
using ProcessCluster.Messaging.Links;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// Measures and traces the lives of workers. What happens to them is told on the cluster's loop; the figures are read from anywhere.
/// </summary>
internal sealed class WorkerTelemetry : IClusterGauges
{
    /// <summary>Up and without connections: a standby worker, or one that is not through its probe.</summary>
    private const string Standby = "standby";

    /// <summary>Every state that is reported.</summary>
    public static readonly IReadOnlyList<string> States =
        [.. Enum.GetValues<WorkerState>().Where(static state => state != WorkerState.Dead).Select(static state => ClusterMetrics.NameOf(state)), Standby];

    private readonly ConcurrentDictionary<int, ClusterWorker> _workers;
    private readonly TimeProvider _time;
    private readonly Func<int> _waiting;
    private readonly Func<int> _kept;
    private readonly ClusterMetrics _metrics;
    private readonly Dictionary<WorkerHandle, Life> _lives = [];
    private readonly Lock _gate = new();
    private readonly HashSet<Link> _links = [];
    private LinkFigures _sentBefore;
    private LinkFigures _receivedBefore;

    /// <param name="metrics">The instruments, which read here from now on.</param>
    /// <param name="workers">Those that are not dead.</param>
    /// <param name="time">The clock.</param>
    /// <param name="waiting">Returns the number of connections that wait for a worker; called on any thread.</param>
    /// <param name="kept">Of how many connections of workers there is a copy; likewise.</param>
    public WorkerTelemetry(ClusterMetrics metrics, ConcurrentDictionary<int, ClusterWorker> workers, TimeProvider time, Func<int> waiting, Func<int> kept)
    {
        _metrics = metrics;
        _workers = workers;
        _time = time;
        _waiting = waiting;
        _kept = kept;
        metrics.Observe(this);
    }

    public IReadOnlyList<(string State, int Count)> Workers
    {
        get
        {
            var counts = _workers.Values.Cast<WorkerHandle>().GroupBy(StateOf).ToDictionary(static state => state.Key, static state => state.Count());
            return [.. States.Select(state => (state, counts.GetValueOrDefault(state)))];
        }
    }

    public int ActiveRequests => _workers.Values.Cast<WorkerHandle>().Sum(static worker => worker.Load.InFlight);

    public int WaitingConnections => _waiting();

    public int KeptConnections => _kept();

    public (LinkFigures Sent, LinkFigures Received) Links
    {
        get
        {
            lock (_gate)
            {
                return (_links.Aggregate(_sentBefore, static (sum, link) => sum + link.Outbox.Sent),
                    _links.Aggregate(_receivedBefore, static (sum, link) => sum + link.Received));
            }
        }
    }

    private sealed class Life
    {
        public Activity? Boot { get; set; }

        public Activity? Drain { get; set; }

        public long DrainStarted { get; set; }
    }

    public void Forked(WorkerHandle worker)
    {
        lock (_gate)
        {
            _links.Add(worker.Link!);
        }
        var life = _lives[worker] = new Life();
        life.Boot = ClusterActivities.StartOf(ClusterActivities.Boot, worker); // Last: a listener of the program's may throw.
    }

    public void Up(WorkerHandle worker)
    {
        var life = _lives[worker];
        ClusterActivities.End(life.Boot);
        life.Boot = null;
    }

    /// <summary>The worker's leaving is wanted, by whichever side.</summary>
    public void Leaving(WorkerHandle worker)
    {
        var life = _lives[worker];
        life.DrainStarted = _time.GetTimestamp();
        life.Drain = ClusterActivities.StartOf(ClusterActivities.Drain, worker);
    }

    public void Ended(WorkerHandle worker, WorkerExit exit)
    {
        _lives.Remove(worker, out var life);
        lock (_gate)
        {
            _links.Remove(worker.Link!);
            _sentBefore += worker.Link!.Outbox.Sent;
            _receivedBefore += worker.Link.Received;
        }
        _metrics.Exited(exit.Cause);
        if (life!.DrainStarted != 0)
            _metrics.Drained(_time.GetElapsedTime(life.DrainStarted), exit.Cause, worker.DrainOutcome);
        ClusterActivities.End(life.Boot, exit, isError: true);
        ClusterActivities.End(life.Drain, exit, isError: exit.Cause is not (WorkerExitCause.Requested or WorkerExitCause.Recycled or WorkerExitCause.Killed));
    }

    private static string StateOf(WorkerHandle worker)
    {
        var state = worker.State;
        return worker is { IsUp: true, IsStandby: true } && state < WorkerState.Draining ? Standby : ClusterMetrics.NameOf(state);
    }
}
