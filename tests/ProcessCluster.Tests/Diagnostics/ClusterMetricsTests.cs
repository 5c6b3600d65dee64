using System.Diagnostics;
using System.Diagnostics.Metrics;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Tests.Clustering;

namespace ProcessCluster.Tests.Diagnostics;

/// <summary>What the primary measures and traces, against telemetry.md.</summary>
public sealed class ClusterMetricsTests : IDisposable
{
    private static readonly ReloadResult Good = new(2, 3, TimeSpan.FromSeconds(1.5), null);
    private static readonly ReloadResult Bad = new(3, 0, TimeSpan.FromSeconds(0.5), new ReloadFailure("it was broken", 4, null, []));

    private readonly ClusterMetrics _metrics = new();
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, Instrument> _instruments = [];
    private readonly List<(string Name, double Value, KeyValuePair<string, object?>[] Tags)> _measured = [];

    public ClusterMetricsTests()
    {
        _metrics.Observe(new Figures());
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            // Other tests have meters of the same name.
            if (instrument.Meter != _metrics.Meter)
                return;
            _instruments.Add(instrument.Name, instrument);
            listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => _measured.Add((instrument.Name, value, tags.ToArray())));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _measured.Add((instrument.Name, value, tags.ToArray())));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _measured.Add((instrument.Name, value, tags.ToArray())));
    }

    public void Dispose()
    {
        _listener.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public void The_table_of_instruments_is_what_is_measured()
    {
        _listener.Start();
        RecordOneOfEach();
        var measured = _instruments.Values.Select(instrument =>
            $"{instrument.Name} | {KindOf(instrument)} | {instrument.Unit} | {TagsOf(instrument.Name)} | {instrument.Description}");
        var documented = MarkdownTable.Read("telemetry.md", "## Instruments").Select(row => string.Join(" | ", row));
        Assert.Equal(documented.Order(), measured.Order());
    }

    [Fact]
    public void The_table_of_attributes_has_the_values_that_are_measured()
    {
        _listener.Start();
        foreach (var cause in Enum.GetValues<WorkerExitCause>())
            _metrics.Exited(cause);
        RecordOneOfEach();
        var measured = _measured.SelectMany(measured => measured.Tags).GroupBy(tag => tag.Key, tag => (string)tag.Value!)
            .Select(tag => $"{tag.Key}: {string.Join(", ", tag.Distinct().Order())}");
        var documented = MarkdownTable.Read("telemetry.md", "## Attributes").Select(row => $"{row[0]}: {string.Join(", ", MarkdownTable.Names(row[1]).Order())}");
        Assert.Equal(documented.Order(), measured.Order());
    }

    [Fact]
    public void What_is_recorded_is_what_is_measured()
    {
        _listener.Start();
        RecordOneOfEach();
        Assert.Equal([1], Values("processcluster.connections.dispatched"));
        Assert.Equal([0.25], Values("processcluster.connections.handoff.duration"));
        Assert.Equal([3], Values("processcluster.connections.returned"));
        Assert.Equal([5], Values("processcluster.connections.expired"));
        Assert.Equal([7], Values("processcluster.connections.waiting"));
        Assert.Equal([9], Values("processcluster.connections.kept"));
        Assert.Equal([1], Values("processcluster.connections.not_kept"));
        Assert.Equal([3], Values("processcluster.connections.outlived", ("outcome", "answered")));
        Assert.Equal([1], Values("processcluster.quarantine.begun"));
        Assert.Equal([6], Values("processcluster.quarantine.refused"));
        Assert.Equal([4], Values("processcluster.output.lost", ("stream", "error")));
        Assert.Equal([5], Values("processcluster.connections.outlived", ("outcome", "replayed")));
        Assert.Equal([1], Values("processcluster.worker.exits", ("cause", "hung")));
        Assert.Equal([2], Values("processcluster.worker.drain.duration", ("cause", "recycled")));
        Assert.Equal([8], Values("processcluster.connections.left", ("outcome", "moved")));
        Assert.Equal([2], Values("processcluster.connections.left", ("outcome", "drained")));
        Assert.Equal([1], Values("processcluster.connections.left", ("outcome", "cut")));
        Assert.Equal([1.5], Values("processcluster.reload.duration", ("outcome", "succeeded")));
        Assert.Equal([0.5], Values("processcluster.reload.duration", ("outcome", "failed")));
        Assert.Equal([2], Values("processcluster.workers", ("state", "listening")));
        Assert.Equal([0], Values("processcluster.workers", ("state", "standby")));
        Assert.Equal([11], Values("processcluster.worker.active_requests"));
        Assert.Equal([1], Values("processcluster.link.messages", ("network.io.direction", "transmit")));
        Assert.Equal([40], Values("processcluster.link.io", ("network.io.direction", "receive")));
    }

    [Fact]
    public void Hand_offs_are_timed_only_when_somebody_wants_to_know()
    {
        Assert.False(_metrics.TimesHandoffs);
        _listener.Start();
        Assert.True(_metrics.TimesHandoffs);
        _listener.Dispose();
        Assert.False(_metrics.TimesHandoffs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recording_allocates_nothing(bool listens)
    {
        if (listens)
        {
            // A listener that keeps nothing, as one that aggregates.
            var sum = 0.0;
            _listener.SetMeasurementEventCallback<long>((_, value, _, _) => sum += value);
            _listener.SetMeasurementEventCallback<double>((_, value, _, _) => sum += value);
            _listener.Start();
        }
        Record(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Record(10_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Record(int times)
        {
            for (var i = 0; i < times; i++)
            {
                _metrics.Dispatched();
                if (_metrics.TimesHandoffs)
                    _metrics.HandedOff(TimeSpan.FromTicks(i));
                _metrics.Exited(WorkerExitCause.Crashed);
            }
        }
    }

    [Fact]
    public void The_table_of_activities_is_what_is_traced()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == ClusterMetrics.MeterName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        using var reload = ClusterActivities.StartReload(2)!;
        var boot = ClusterActivities.StartOf(ClusterActivities.Boot, new ClusterEventsTests.FakeWorker(1))!;
        var drain = ClusterActivities.StartOf(ClusterActivities.Drain, new ClusterEventsTests.FakeWorker(2))!;
        Assert.Same(reload, Activity.Current);
        Assert.Same(reload, boot.Parent);
        Assert.Same(reload, drain.Parent);
        ClusterActivities.End(drain, new WorkerExit(WorkerExitCause.KilledLate, null, Signal.SIGKILL), isError: true);
        ClusterActivities.End(boot, new WorkerExit(WorkerExitCause.Requested, 0, null));
        Assert.Same(reload, Activity.Current);
        ClusterActivities.Ended(reload, Bad);
        Assert.Equal((ActivityStatusCode.Error, "it was broken"), (reload.Status, reload.StatusDescription));
        Assert.Equal(ActivityStatusCode.Error, drain.Status);
        Assert.Equal(ActivityStatusCode.Ok, boot.Status);

        var traced = new[] { reload, boot, drain }.Select(activity => $"{activity.OperationName}: {string.Join(", ", activity.TagObjects.Select(tag => tag.Key))}");
        Assert.Equal(MarkdownTable.Read("telemetry.md", "## Activities").Select(row => $"{row[0]}: {row[1]}"), traced);
    }

    [Fact]
    public void Nothing_is_traced_when_nobody_listens_or_listens_to_something_else()
    {
        using var other = new ActivityListener { ShouldListenTo = static source => source.Name == "Other" };
        ActivitySource.AddActivityListener(other);
        using var reload = ClusterActivities.StartReload(2);
        Assert.Null(reload);
        ClusterActivities.Ended(reload, Good);
        ClusterActivities.End(null);
    }

    private static string KindOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0];

    private string TagsOf(string name) =>
        string.Join(", ", _measured.Where(measured => measured.Name == name).SelectMany(measured => measured.Tags).Select(tag => tag.Key).Distinct())
            is { Length: > 0 } tags ? tags : "—";

    private void RecordOneOfEach()
    {
        _metrics.Dispatched();
        _metrics.HandedOff(TimeSpan.FromMilliseconds(250));
        _metrics.Returned(3);
        _metrics.Expired(5);
        _metrics.NotKept();
        _metrics.Survived(2, 5, 3, 4);
        _metrics.Quarantined();
        _metrics.Refused(6);
        _metrics.OutputLost("error", 4);
        _metrics.OutputLost("output", 1);
        _metrics.Exited(WorkerExitCause.Hung);
        _metrics.Drained(TimeSpan.FromSeconds(2), WorkerExitCause.Recycled, new DrainOutcome(8, 2, 1));
        _metrics.Reloaded(Good);
        _metrics.Reloaded(Bad);
        _listener.RecordObservableInstruments();
    }

    private IEnumerable<double> Values(string name, params (string Key, string Value)[] tags) =>
        from measured in _measured
        where measured.Name == name && measured.Tags.Select(tag => (tag.Key, (string)tag.Value!)).SequenceEqual(tags)
        select measured.Value;

    private sealed class Figures : IClusterGauges
    {
        public IReadOnlyList<(string State, int Count)> Workers => [.. WorkerTelemetry.States.Select(state => (state, state == "listening" ? 2 : 0))];

        public int ActiveRequests => 11;

        public int WaitingConnections => 7;

        public int KeptConnections => 9;

        public (LinkFigures Sent, LinkFigures Received) Links => (new LinkFigures(1, 30), new LinkFigures(2, 40));
    }
}
