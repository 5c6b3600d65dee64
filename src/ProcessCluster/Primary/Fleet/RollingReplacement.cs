using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Fleet;

/// <summary>
/// Replaces workers that still serve: all of them at a reload, single ones by the recycling rules. Always the new one first, one at a time,
/// one of the two at a time. Belongs to the cluster's loop, also between the steps.
/// </summary>
internal sealed class RollingReplacement(
    WorkerFleet fleet, IFleetHost host, Func<IFleetWorker, CancellationToken, Task>? probe, TimeProvider time, ILogger logger, ClusterMetrics metrics)
{
    private readonly CancellationTokenSource _stopping = new();
    private Task<ReloadResult>? _reload;
    private Task<ReloadResult>? _nextReload;
    private Task? _recycling;
    private Task _leaving = Task.CompletedTask;
    private int _lastGeneration = fleet.Generation;
    private DateTime _scheduleSeen = time.GetLocalNow().DateTime;
    private long? _recyclingFailed;

    /// <summary>Told when a reload begins (true) and when it has ended.</summary>
    public Action<bool>? Reloading { get; set; }

    /// <summary>The result of one replacement.</summary>
    /// <param name="Old">The replaced worker, if there was one.</param>
    /// <param name="Failure">The reason why not.</param>
    private readonly record struct Replacement(IFleetWorker? Old, ReloadFailure? Failure);

    /// <summary>Ends what is under way; the workers are told by whoever stops the cluster.</summary>
    public void Stop() => _ = _stopping.CancelAsync(); // A probe's callbacks are the program's: not on the loop's thread.

    /// <summary>
    /// Replaces all workers. While one reload is under way, all further calls share the one that follows it: a version that was put in place
    /// meanwhile is served in the end, and there are never more than two generations.
    /// </summary>
    public Task<ReloadResult> ReloadAsync()
    {
        if (_reload is not { IsCompleted: false } current)
            return _reload = ReloadAllAsync();
        return _nextReload ??= AfterAsync(current);

        async Task<ReloadResult> AfterAsync(Task<ReloadResult> before)
        {
            await Task.WhenAny(before).ConfigureAwait(true); // Whatever became of it.
            _nextReload = null;
            return await (_reload = ReloadAllAsync()).ConfigureAwait(true);
        }
    }

    /// <summary>Looks for a worker that is due by a recycling rule, and replaces it, unless something is being replaced.</summary>
    public void Sample()
    {
        var now = time.GetLocalNow().DateTime;
        if (RecycleLimits.IsTime(fleet.Options.Recycle.Schedule, _scheduleSeen, now))
        {
            foreach (var slot in fleet.Slots)
                slot.Limits = slot.Limits with { IsScheduled = true };
        }
        _scheduleSeen = now;
        if (fleet.IsStopped || IsRecoveringFromFailure || _recycling is { IsCompleted: false } || _reload is { IsCompleted: false })
            return;
        foreach (var slot in fleet.Slots)
        {
            if (slot.Worker is not { IsUp: true, IsGoing: false } worker || slot.Successor is not null)
                continue;
            if (slot.Limits.RuleFor(worker.Load, time.GetElapsedTime(worker.UpSince)) is not { } rule)
                continue;
            _recycling = RecycleAsync(slot, worker, rule);
            return;
        }
    }

    private bool IsRecoveringFromFailure =>
        _recyclingFailed is { } failed && time.GetElapsedTime(failed) < fleet.Options.Restart.Window;

    private async Task RecycleAsync(Slot slot, IFleetWorker worker, string rule)
    {
        logger.Recycling(worker.Id, rule);
        var (old, failure) = await TryReplaceAsync(slot, worker.Generation, rule, isRecycled: true).ConfigureAwait(true);
        if (failure is not null)
        {
            if (!fleet.IsStopped)
                logger.RecyclingFailed(worker.Id, failure);
            _recyclingFailed = time.GetTimestamp();
        }
        if (old is not null)
            await old.Gone.ConfigureAwait(true); // It has its deadline.
    }

    private async Task<ReloadResult> ReloadAllAsync()
    {
        var started = time.GetTimestamp();
        var generation = ++_lastGeneration;
        Reloading?.Invoke(true);
        using var activity = StartActivity(generation);
        var replaced = 0;
        List<IFleetWorker> old = [];
        await fleet.Started.ConfigureAwait(true);
        if (_recycling is { } recycling)
            await recycling.ConfigureAwait(true);
        await _leaving.ConfigureAwait(true);
        logger.Reloading(generation);

        foreach (var slot in fleet.Slots.ToList())
        {
            if (!fleet.Slots.Contains(slot))
                continue; // Scaled away meanwhile.
            var (worker, failure) = await TryReplaceAsync(
                slot, generation, string.Create(CultureInfo.InvariantCulture, $"replaced by generation {generation}"), isRecycled: false).ConfigureAwait(true);
            if (failure is not null)
            {
                _leaving = Task.WhenAll(old.Select(static worker => worker.Gone));
                return Report(new ReloadResult(generation, replaced, time.GetElapsedTime(started), failure), activity);
            }
            replaced++;
            fleet.Generation = generation; // The first one is the proof: from here on, whoever heals a slot is of this generation.
            if (worker is not null)
                old.Add(worker);
        }
        old.AddRange(fleet.Standby.Where(worker => worker.Generation < generation));
        fleet.RenewStandby();
        await Task.WhenAll(old.Select(static worker => worker.Gone)).ConfigureAwait(true);
        var connections = old.Aggregate(default(DrainOutcome), static (sum, worker) => sum.And(worker.DrainOutcome));
        return Report(new ReloadResult(generation, replaced, time.GetElapsedTime(started), null) { Connections = connections }, activity);
    }

    /// <summary>Whatever is thrown on the way is a failure with a reason: somebody waits for the result, and the slot is not left without a worker.</summary>
    private async Task<Replacement> TryReplaceAsync(Slot slot, int generation, string reason, bool isRecycled)
    {
        try
        {
            return await ReplaceAsync(slot, generation, reason, isRecycled).ConfigureAwait(true);
        }
        catch (Exception exception)
        {
            if (slot.Successor is { } worker)
                host.Leave(worker, "its replacing failed", isRecycled: false);
            fleet.DropSuccessor(slot);
            return Failed(ReasonOf(exception), 0, null, []);
        }
    }

    /// <summary>A new worker: started, ready, probed, in dispatch, sound for the soak time; then the old one drains.</summary>
    private async Task<Replacement> ReplaceAsync(Slot slot, int generation, string reason, bool isRecycled)
    {
        if (fleet.IsStopped)
            return Failed("the cluster was stopped", 0, null, []);
        IFleetWorker worker;
        try
        {
            worker = fleet.StartSuccessor(slot, generation);
        }
        catch (Exception exception)
        {
            return Failed(ReasonOf(exception), 0, null, []);
        }
        if (await ProveAsync(worker).ConfigureAwait(true) is { } flaw)
        {
            host.Leave(worker, flaw, isRecycled: false);
            fleet.DropSuccessor(slot);
            var exit = await worker.Gone.ConfigureAwait(true); // It is dead, or has its deadline.
            var errors = await worker.LastErrors.ConfigureAwait(true);
            return Failed(fleet.IsStopped ? "the cluster was stopped" : $"worker {worker.Id} {flaw}: it {exit}", worker.Id, exit, errors);
        }
        var old = fleet.Succeed(slot);
        if (old is not null)
            host.Leave(old, reason, isRecycled);
        return new Replacement(old, null);
    }

    /// <summary>Checks the new worker. Returns what is wrong with it; null when it is sound, and in dispatch.</summary>
    private async Task<string?> ProveAsync(IFleetWorker worker)
    {
        if (await worker.Booted.ConfigureAwait(true) is null)
            return "was not ready";
        if (probe is not null && await ProbeAsync(worker).ConfigureAwait(true) is { } refusal)
            return refusal;
        if (worker.IsGoing)
            return "ended before it served";
        host.Admit(worker, worker.Slot);
        using var soaked = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        var soak = Task.Delay(fleet.Options.SoakTime, time, soaked.Token);
        await Task.WhenAny(worker.Gone, soak).ConfigureAwait(true);
        soaked.Cancel(); // Nothing but the delay hears it.
        return worker.IsGoing || fleet.IsStopped ? "did not live through its soak time" : null;
    }

    private async Task<string?> ProbeAsync(IFleetWorker worker)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        var deadline = Task.Delay(fleet.Options.BootTimeout, time, ended.Token);
        var probing = Task.Run(() => probe!(worker, ended.Token), CancellationToken.None); // The program's: not on the loop.
        var first = await Task.WhenAny(probing, worker.Gone, deadline).ConfigureAwait(true);
        await ended.CancelAsync().ConfigureAwait(true);
        if (first != probing)
        {
            _ = probing.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            return first == deadline ? $"was not through its probe within {fleet.Options.BootTimeout}" : "ended while it was probed";
        }
        return probing switch
        {
            { Exception.InnerException: { } exception } => $"did not pass its probe ({exception.GetType().Name}: {exception.Message})",
            { IsCanceled: true } => "was not probed to the end",
            _ => null,
        };
    }

    private ReloadResult Report(ReloadResult result, Activity? activity)
    {
        Guard(() => Reloading?.Invoke(false));
        Guard(() => metrics.Reloaded(result));
        Guard(() => ClusterActivities.Ended(activity, result));
        if (result.Succeeded)
            logger.Reloaded(result);
        else
            logger.ReloadFailed(result);
        return result;
    }

    private Activity? StartActivity(int generation)
    {
        Activity? activity = null;
        Guard(() => activity = ClusterActivities.StartReload(generation));
        return activity;
    }

    /// <summary>Those who listen to what is measured and traced are the program's: what they throw must not take a reload's result away.</summary>
    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            logger.LoopFailed(exception);
        }
    }

    private static string ReasonOf(Exception exception) =>
        exception is ClusterException ? exception.Message : $"{exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}";

    private static Replacement Failed(string reason, int worker, WorkerExit? exit, IReadOnlyList<string> errors) =>
        new(null, new ReloadFailure(reason, worker, exit, errors));
}
