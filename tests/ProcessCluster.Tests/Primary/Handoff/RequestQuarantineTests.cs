using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Files;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>Which request is suspected, and what the workers see of it.</summary>
public sealed class RequestQuarantineTests : IDisposable
{
    private const long Poison = 1, Busy = 2, Other = 3;

    private readonly ClusterMetrics _metrics = new();
    private readonly List<SharedMemory> _memories = [];
    private readonly PrimaryBoard _primary;
    private readonly WorkerBoard _worker;
    private readonly RequestQuarantine _quarantine;
    private readonly ConnectionSurvivalOptions _options = new() { QuarantineAfter = 3 };

    public RequestQuarantineTests()
    {
        _quarantine = new RequestQuarantine(NullLogger.Instance, _metrics, TimeProvider.System);
        (_primary, _worker) = NewBoards();
        _quarantine.Add(_primary);
    }

    public void Dispose()
    {
        _memories.ForEach(static memory => memory.Dispose());
        _metrics.Dispose();
    }

    [Fact]
    public void What_was_running_in_so_many_crashes_in_a_row_is_refused_for_the_time()
    {
        Crash((Poison, 1));
        Crash((Poison, 1), (Busy, 1));
        Assert.False(_worker.IsQuarantined(Poison, out _));
        Crash((Poison, 2));
        Assert.True(_worker.IsQuarantined(Poison, out var remaining));
        Assert.InRange(remaining, TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(1));
        Assert.False(_worker.IsQuarantined(Busy, out remaining));
        Assert.Equal(TimeSpan.Zero, remaining);
        Assert.False(_worker.IsQuarantined(0, out _));
    }

    [Fact]
    public void A_crash_without_it_or_with_nothing_running_ends_its_row()
    {
        foreach (var between in new (long, int)[][] { [(Busy, 1)], [] })
        {
            Crash((Poison, 1));
            Crash((Poison, 1));
            Crash(between);
            Crash((Poison, 1));
            Crash((Poison, 1));
            Assert.False(_worker.IsQuarantined(Poison, out _));
            Crash();
        }
    }

    [Fact]
    public void Of_several_the_rarest_is_taken_and_the_others_begin_anew()
    {
        for (var crash = 0; crash < 3; crash++)
            Crash((Busy, 10), (Poison, crash == 0 ? 5 : 1), (Other, 3));
        Assert.True(_worker.IsQuarantined(Poison, out _));
        Assert.False(_worker.IsQuarantined(Other, out _));
        // It was the wrong one: crashes go on.
        Crash((Busy, 10), (Other, 3));
        Crash((Busy, 10), (Other, 3));
        Assert.False(_worker.IsQuarantined(Other, out _));
        Crash((Busy, 10), (Other, 3));
        Assert.True(_worker.IsQuarantined(Other, out _));
        Assert.True(_worker.IsQuarantined(Poison, out _));
        Assert.False(_worker.IsQuarantined(Busy, out _));
    }

    [Fact]
    public void A_crash_in_which_one_ran_that_is_quarantined_already_says_nothing_of_others()
    {
        Crash((Poison, 1));
        Crash((Poison, 1));
        Crash((Poison, 1));
        Crash((Busy, 1));
        Crash((Busy, 1));
        for (var crash = 0; crash < 5; crash++)
            Crash((Busy, 1), (Poison, 1)); // It had begun before.
        Assert.False(_worker.IsQuarantined(Busy, out _));
        Crash((Busy, 1)); // Nor has it ended a row.
        Assert.True(_worker.IsQuarantined(Busy, out _));
    }

    [Fact]
    public void Which_one_of_equals_does_not_depend_on_their_order()
    {
        _options.QuarantineAfter = 1;
        Crash((Other, 1), (Poison, 1), (Busy, 1));
        Assert.True(_worker.IsQuarantined(Poison, out _));
        Crash((Other, 1), (Busy, 1));
        Assert.True(_worker.IsQuarantined(Busy, out _));
        Assert.False(_worker.IsQuarantined(Other, out _));
    }

    [Fact]
    public void Workers_that_start_while_it_holds_know_it_from_the_beginning()
    {
        _options.QuarantineAfter = 1;
        Crash((Poison, 1));
        Crash((Other, 1));
        var (page, worker) = NewBoards();
        _quarantine.Add(page);
        Assert.True(worker.IsQuarantined(Poison, out _));
        Assert.True(worker.IsQuarantined(Other, out _));
        _quarantine.Remove(page);
        Crash((Busy, 1));
        Assert.True(_worker.IsQuarantined(Busy, out _));
        Assert.False(worker.IsQuarantined(Busy, out _));
    }

    [Fact]
    public void After_its_time_it_is_forgotten_and_needs_as_many_crashes_again()
    {
        var time = new FakeTime();
        var quarantine = new RequestQuarantine(NullLogger.Instance, _metrics, time);
        var (page, worker) = NewBoards();
        quarantine.Add(page);
        _options.QuarantineAfter = 2;
        for (var round = 0; round < 4; round++)
        {
            Crash(quarantine, (Poison, 1));
            if (round != 3)
                Assert.False(worker.IsQuarantined(Poison, out _));
            Crash(quarantine, (Poison, 1));
            Assert.True(worker.IsQuarantined(Poison, out _)); // Its own clock is long behind the false one: what counts here is the primary's.
            time.Advance(TimeSpan.FromSeconds(59), static () => { });
            quarantine.LiftExpired();
            Assert.True(worker.IsQuarantined(Poison, out _));
            time.Advance(TimeSpan.FromSeconds(1), static () => { });
            if (round == 2)
                continue; // Nobody has looked.
            quarantine.LiftExpired();
            Assert.False(worker.IsQuarantined(Poison, out _));
        }
    }

    [Fact]
    public void A_worker_looks_at_the_time_itself()
    {
        _primary.Quarantine(7, Poison, Stopwatch.GetTimestamp() + Stopwatch.Frequency);
        Assert.True(_worker.IsQuarantined(Poison, out _));
        _primary.Quarantine(7, Poison, Stopwatch.GetTimestamp());
        Assert.False(_worker.IsQuarantined(Poison, out var remaining));
        Assert.True(remaining <= TimeSpan.Zero);
    }

    [Fact]
    public void There_are_at_most_as_many_as_the_page_has_places_for_and_the_one_that_would_end_first_goes()
    {
        _options.QuarantineAfter = 1;
        for (var request = 0; request < Board.MaxQuarantined; request++)
        {
            _options.QuarantineTime = TimeSpan.FromMinutes(request == 5 ? 1 : 10);
            Crash((100 + request, 1));
        }
        Assert.All(Enumerable.Range(100, Board.MaxQuarantined), request => Assert.True(_worker.IsQuarantined(request, out _)));
        Crash((99, 1));
        Assert.True(_worker.IsQuarantined(99, out _));
        Assert.False(_worker.IsQuarantined(105, out _));
        Assert.True(_worker.IsQuarantined(100, out _));
    }

    [Fact]
    public void What_a_worker_writes_is_not_trusted_to_grow()
    {
        var refused = new List<long>();
        using var listener = new System.Diagnostics.Metrics.MeterListener();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter == _metrics.Meter && instrument.Name == "processcluster.quarantine.refused")
                listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => refused.Add(value));
        listener.Start();
        _worker.Refuse();
        _worker.Refuse();
        _quarantine.LiftExpired();
        _quarantine.LiftExpired();
        _worker.Refuse();
        _quarantine.Remove(_primary); // The last ones of one that is gone.
        Assert.Equal([2, 1], refused);
        Crash(Enumerable.Range(1, 100_000).Select(request => ((long)request, 1)).ToArray());
    }

    [Fact]
    public void Asking_costs_next_to_nothing_while_there_is_none()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var since = Stopwatch.GetTimestamp();
        for (var i = 0; i < 1_000_000; i++)
            _worker.IsQuarantined(i, out _);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    private void Crash(params (long Fingerprint, int Count)[] running) => Crash(_quarantine, running);

    private void Crash(RequestQuarantine quarantine, params (long Fingerprint, int Count)[] running) => quarantine.Crashed(
        4711, _options, running.ToDictionary(static request => request.Fingerprint, static request => new RunningRequests($"GET /{request.Fingerprint}", request.Count)));

    private (PrimaryBoard Primary, WorkerBoard Worker) NewBoards()
    {
        var primary = SharedMemory.Create(Board.SizeFor(0), out var descriptor);
        var worker = SharedMemory.Map(descriptor, Board.SizeFor(0));
        _memories.AddRange([primary, worker]);
        return (new PrimaryBoard(primary), new WorkerBoard(worker));
    }
}
