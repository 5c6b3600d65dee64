using System.Diagnostics;
using ProcessCluster.Testing;

namespace BenchReload;

/// <summary>What ten reloads under load were like.</summary>
internal sealed record ReloadFigures(StrictReport Load, IReadOnlyList<TimeSpan> Durations, int FewestReady);

/// <summary>
/// How long it took after each death of a worker until a new one had answered, and until that was ready (before the death: a negative time).
/// </summary>
internal sealed record HealFigures(StrictReport Load, IReadOnlyList<TimeSpan> FirstAnswers, IReadOnlyList<TimeSpan> Ready);

/// <summary>What reloads were like for clients that keep their connections.</summary>
internal sealed record KeptFigures(StrictReport Load, IReadOnlyList<TimeSpan> Departures, int? Moved);

internal static class Scenarios
{
    /// <summary>Clients that keep their connections and ask now and then.</summary>
    public const int Kept = 400;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly StrictLoadOptions Load = new() { Timeout = TimeSpan.FromSeconds(10) };

    /// <summary>So many requests as leave the processors time: else what is measured is how long a new worker waits for one.</summary>
    private static readonly StrictLoadOptions LightLoad =
        Load with { Clients = 20, Pause = TimeSpan.FromMilliseconds(20), KeepAlive = false };

    /// <summary>Reloads one after another under 50 clients that post 16 KiB.</summary>
    public static async Task<ReloadFigures> ReloadAsync(Func<Task<Subject>> start, int reloads, bool keepAlive)
    {
        await using var subject = await start();
        var options = Load with { KeepAlive = keepAlive };
        await WarmUpAsync(subject, options);
        await using var load = StrictLoad.Start(subject.Port, options);
        await load.ExpectAnswers(1000);
        List<TimeSpan> durations = [];
        for (var i = 0; i < reloads; i++)
        {
            var since = Stopwatch.GetTimestamp();
            await subject.ReloadAsync();
            durations.Add(Stopwatch.GetElapsedTime(since));
            await load.ExpectAnswers(500);
        }
        return new ReloadFigures(await load.StopAsync(), durations, subject.Notes.FewestReady(2));
    }

    /// <summary>Reloads one after another under 400 clients that keep their connections and post 500 bytes every 20 ms.</summary>
    public static async Task<KeptFigures> KeptAsync(Func<Task<Subject>> start, int reloads)
    {
        await using var subject = await start();
        var options = Load with { Clients = Kept, BodyBytes = 500, Pause = TimeSpan.FromMilliseconds(20) };
        await WarmUpAsync(subject, options);
        await using var load = StrictLoad.Start(subject.Port, options);
        await load.ExpectAnswers(2000);
        for (var i = 0; i < reloads; i++)
        {
            await subject.ReloadAsync();
            await load.ExpectAnswers(2000);
        }
        return new KeptFigures(await load.StopAsync(), subject.Notes.Departures, (subject as ClusterSubject)?.Moved);
    }

    /// <summary>Kills one worker after another under a light load with a connection for each request.</summary>
    public static async Task<HealFigures> KillAsync(Func<Task<Subject>> start, int kills)
    {
        await using var subject = await start();
        var all = subject.Notes.Ready.Count;
        await WarmUpAsync(subject, LightLoad);
        await using var load = StrictLoad.Start(subject.Port, LightLoad);
        List<TimeSpan> answers = [], ready = [];
        for (var i = 0; i < kills; i++)
        {
            await subject.ExpectReadyAsync(all);
            await Task.Delay(1500); // All are stable, and those that serve have answered.
            var serving = load.Report().ByProcess.Keys.Where(id => Directory.Exists($"/proc/{id}")).ToHashSet();
            var (since, at) = (Stopwatch.GetTimestamp(), Notes.Now);
            using (var kill = Process.Start("kill", ["-KILL", $"{serving.First()}"]))
                await kill.WaitForExitAsync();
            var next = await FirstNewAsync(load, serving);
            answers.Add(Stopwatch.GetElapsedTime(since));
            ready.Add(TimeSpan.FromMilliseconds(subject.Notes.ReadySince(next) - at));
        }
        return new HealFigures(await load.StopAsync(), answers, ready);
    }

    /// <summary>The first process that has answered and had not before.</summary>
    private static async Task<int> FirstNewAsync(StrictLoad load, HashSet<int> before)
    {
        var known = load.Report().ByProcess.Keys.Concat(before).ToHashSet();
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Patience; await Task.Delay(1))
        {
            foreach (var id in load.Report().ByProcess.Keys)
            {
                if (known.Add(id))
                    return id;
            }
        }
        throw new TimeoutException($"No new worker has answered within {Patience}.");
    }

    private static async Task WarmUpAsync(Subject subject, StrictLoadOptions options)
    {
        await using var load = StrictLoad.Start(subject.Port, options);
        await Task.Delay(2000);
    }
}
