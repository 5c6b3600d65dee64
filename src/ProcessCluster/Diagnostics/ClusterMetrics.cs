using System.Diagnostics.Metrics;
using System.Text.Json;

namespace ProcessCluster.Diagnostics;

/// <summary>
/// Everything that the primary measures; docs/reference/telemetry.md holds the same table. Thread-safe. Recording allocates nothing, and costs a look at
/// a field when nobody listens.
/// </summary>
internal sealed class ClusterMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "ProcessCluster";

    private const string State = "state", Cause = "cause", Outcome = "outcome", Direction = "network.io.direction";

    private static readonly KeyValuePair<string, object?>
        Transmit = new(Direction, "transmit"), Receive = new(Direction, "receive"), Succeeded = new(Outcome, "succeeded"), Failed = new(Outcome, "failed"),
        GoneOn = new(Outcome, "moved"), Ended = new(Outcome, "drained"), Cut = new(Outcome, "cut"), Replayed = new(Outcome, "replayed"), Answered = new(Outcome, "answered"), Closed = new(Outcome, "closed");

    private static readonly KeyValuePair<string, object?>[] Causes = [.. Enum.GetValues<WorkerExitCause>().Select(static cause => Tag(Cause, cause))];

    /// <summary>From a hand-off to an idle worker to the longest that a connection may wait, by default.</summary>
    private static readonly InstrumentAdvice<double> HandoffTimes = new()
    {
        HistogramBucketBoundaries = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    /// <summary>Of what takes as long as programs do to start and to finish.</summary>
    private static readonly InstrumentAdvice<double> SlowTimes = new()
    {
        HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600],
    };

    private readonly Counter<long> _exits;
    private readonly Counter<long> _dispatched;
    private readonly Counter<long> _returned;
    private readonly Counter<long> _expired;
    private readonly Counter<long> _moved;
    private readonly Counter<long> _left;
    private readonly Counter<long> _notKept;
    private readonly Counter<long> _survived;
    private readonly Counter<long> _quarantined;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _outputLost;
    private readonly Histogram<double> _handoff;
    private readonly Histogram<double> _drain;
    private readonly Histogram<double> _reload;

    public ClusterMetrics()
    {
        Meter = new Meter(new MeterOptions(MeterName) { Version = typeof(ClusterMetrics).Assembly.GetName().Version?.ToString(3) });
        _exits = Meter.CreateCounter<long>("processcluster.worker.exits", "{worker}", "Workers that have ended.");
        _drain = Meter.CreateHistogram(
            "processcluster.worker.drain.duration", "s", "From the wish that a worker leaves to the end of its process.", advice: SlowTimes);
        _reload = Meter.CreateHistogram(
            "processcluster.reload.duration", "s", "From a reload's beginning to the end of the last old worker, or of the failed new one.", advice: SlowTimes);
        _dispatched = Meter.CreateCounter<long>("processcluster.connections.dispatched", "{connection}", "Connections that a worker has taken.");
        _returned = Meter.CreateCounter<long>(
            "processcluster.connections.returned", "{connection}", "Connections that came back from a worker that refused them or ended; another one gets them.");
        _expired = Meter.CreateCounter<long>(
            "processcluster.connections.expired", "{connection}", "Connections that got no worker: not within QueueTimeout, or as too many waited already (WhenFull).");
        _moved = Meter.CreateCounter<long>(
            "processcluster.connections.moved", "{connection}", "Idle connections that a worker gave back for another one, which serves them on.");
        _left = Meter.CreateCounter<long>(
            "processcluster.connections.left", "{connection}", "Connections that workers had when they were to leave, by what had become of them when they were gone.");
        _notKept = Meter.CreateCounter<long>(
            "processcluster.connections.not_kept", "{connection}", "Connections of which no copy is kept, because there were too many (ConnectionSurvival:MaxConnections, ulimit -n).");
        _survived = Meter.CreateCounter<long>(
            "processcluster.connections.outlived", "{connection}", "Connections whose worker ended without having left, by what became of them.");
        _quarantined = Meter.CreateCounter<long>(
            "processcluster.quarantine.begun", "{quarantine}", "Requests (method and route) that were quarantined, because they were running in so many crashes in a row.");
        _refused = Meter.CreateCounter<long>("processcluster.quarantine.refused", "{request}", "Requests that a worker has refused because they are quarantined.");
        _outputLost = Meter.CreateCounter<long>(
            "processcluster.output.lost", "{line}", "Lines that workers wrote and the primary could not pass on, for example because the disk is full.");
        _handoff = Meter.CreateHistogram(
            "processcluster.connections.handoff.duration", "s", "From accepting a connection to the answer of the worker that has taken it.", advice: HandoffTimes);
    }

    /// <summary>Adds the instruments that look at something when somebody collects them.</summary>
    public void Observe(IClusterGauges figures)
    {
        Meter.CreateObservableUpDownCounter(
            "processcluster.workers",
            () => figures.Workers.Select(static workers => new Measurement<int>(workers.Count, new KeyValuePair<string, object?>(State, workers.State))),
            "{worker}",
            "Workers that are there.");
        Meter.CreateObservableUpDownCounter(
            "processcluster.worker.active_requests", () => figures.ActiveRequests, "{request}", "Requests under way, at the workers' last signs of life.");
        Meter.CreateObservableUpDownCounter(
            "processcluster.connections.waiting", () => figures.WaitingConnections, "{connection}", "Accepted connections that wait for a worker.");
        Meter.CreateObservableUpDownCounter(
            "processcluster.connections.kept",
            () => figures.KeptConnections,
            "{connection}",
            "Connections of workers of which the primary keeps a copy, so that they can outlive them.");
        Meter.CreateObservableCounter(
            "processcluster.link.messages",
            () => Both(figures, static link => link.Messages),
            "{message}",
            "Messages, requests and answers between the primary and its workers.");
        Meter.CreateObservableCounter("processcluster.link.io", () => Both(figures, static link => link.Bytes), "By", "Their bytes, with their frames.");
    }

    /// <summary>Gets the meter of these instruments.</summary>
    public Meter Meter { get; }

    /// <summary>Gets whether anybody measures the time of hand-offs.</summary>
    public bool TimesHandoffs => _handoff.Enabled;

    /// <summary>A state as instruments name it: <c>listening</c>.</summary>
    public static string NameOf(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>A worker has taken a connection.</summary>
    public void Dispatched() => _dispatched.Add(1);

    /// <summary>It did so this long after the connection was accepted.</summary>
    public void HandedOff(TimeSpan after) => _handoff.Record(after.TotalSeconds);

    /// <summary>So many connections came back from a worker.</summary>
    public void Returned(int connections) => _returned.Add(connections);

    /// <summary>A connection went from one worker to another.</summary>
    public void Moved() => _moved.Add(1);

    /// <summary>No copy of one is kept.</summary>
    public void NotKept() => _notKept.Add(1);

    /// <summary>A worker is gone: so many of its connections are another's, are another's with their request, were answered, have ended.</summary>
    public void Survived(int moved, int replayed, int answered, int closed)
    {
        _survived.Add(moved, GoneOn);
        _survived.Add(replayed, Replayed);
        _survived.Add(answered, Answered);
        _survived.Add(closed, Closed);
    }

    /// <summary>A request is quarantined.</summary>
    public void Quarantined() => _quarantined.Add(1);

    /// <summary>So many requests were refused for that.</summary>
    public void Refused(int requests) => _refused.Add(requests);

    /// <summary>So many lines that were to go to the stream are lost.</summary>
    public void OutputLost(string stream, long lines) => _outputLost.Add(lines, new KeyValuePair<string, object?>("stream", stream));

    /// <summary>So many connections got no worker.</summary>
    public void Expired(int connections) => _expired.Add(connections);

    public void Exited(WorkerExitCause cause) => _exits.Add(1, Causes[(int)cause]);

    /// <summary>A worker that was wanted to leave is gone.</summary>
    public void Drained(TimeSpan duration, WorkerExitCause cause, DrainOutcome connections)
    {
        _drain.Record(duration.TotalSeconds, Causes[(int)cause]);
        _left.Add(connections.Moved, GoneOn);
        _left.Add(connections.Drained, Ended);
        _left.Add(connections.Cut, Cut);
    }

    public void Reloaded(ReloadResult result) => _reload.Record(result.Duration.TotalSeconds, result.Succeeded ? Succeeded : Failed);

    /// <summary>Nobody can collect anything any more.</summary>
    public void Dispose() => Meter.Dispose();

    private static KeyValuePair<string, object?> Tag(string name, Enum value) => new(name, NameOf(value));

    private static Measurement<long>[] Both(IClusterGauges figures, Func<LinkFigures, long> figure)
    {
        var (sent, received) = figures.Links;
        return [new Measurement<long>(figure(sent), Transmit), new Measurement<long>(figure(received), Receive)];
    }
}
