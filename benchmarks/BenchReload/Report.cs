using System.Globalization;
using System.Text;
using ProcessCluster.Testing;

namespace BenchReload;

/// <summary>Writes docs/benchmarks/reload.md.</summary>
internal sealed class Report(int reloads, int kills, string? versions)
{
    private readonly StringBuilder _reloads = new();
    private readonly StringBuilder _kills = new();
    private readonly StringBuilder _kept = new();
    private readonly Dictionary<string, List<StrictReport>> _reloaded = [];
    private readonly Dictionary<string, HealFigures> _healed = [];

    /// <summary>The time of PM2's command by itself.</summary>
    public TimeSpan? Pm2Command { get; set; }

    public void Reloaded(string name, bool keepAlive, ReloadFigures figures)
    {
        var (load, durations) = (figures.Load, figures.Durations);
        Progress(name, load);
        (_reloaded.TryGetValue(name, out var reports) ? reports : _reloaded[name] = []).Add(load);
        _reloads.AppendLine(CultureInfo.InvariantCulture,
            $"| {(keepAlive ? "kept" : "one per request")} | {name} | {load.Answered} | {Failures(load)} | {Latencies(load)} "
            + $"| {Range(durations)} | {figures.FewestReady} |");
    }

    public void Healed(string name, HealFigures figures)
    {
        Progress(name, figures.Load);
        var ready = figures.Ready.All(time => time < TimeSpan.Zero) ? "before" : Range(figures.Ready);
        _healed[name] = figures;
        _kills.AppendLine(CultureInfo.InvariantCulture,
            $"| {name} | {Range(figures.FirstAnswers)} | {ready} | {figures.Load.Answered} | {Failures(figures.Load)} |");
    }

    public void Kept(string name, KeptFigures figures)
    {
        Progress(name, figures.Load);
        _kept.AppendLine(CultureInfo.InvariantCulture,
            $"| {name} | {figures.Load.Answered} | {figures.Load.Failed} | {figures.Load.Connections - Scenarios.Kept} | {figures.Moved?.ToString(CultureInfo.InvariantCulture) ?? ""} "
            + $"| {Range(figures.Departures)} | {Latencies(figures.Load)} |");
    }

    public override string ToString() =>
        $"""
        # Reloads and deaths under load

        This page measures reloads and killed workers under load, against PM2 and a restarted Kestrel.

        `benchmarks/reload.sh` writes it: two workers, clients that post 16 KiB, never retry, and check every answer. Load and servers share
        {Environment.ProcessorCount} processors. .NET {Environment.Version}{(versions is null ? "; PM2 was not available" : $", {versions}")}.
        Times are medians with the lowest and the highest. A request without a complete and correct answer has failed.
        The cluster has the defaults, except `Restart:StableAfter` of 1 s, PM2's `min_uptime`. PM2 runs in cluster mode with `wait_ready`,
        `process.send('ready')`, a SIGINT handler that closes the server, and `kill_timeout` (`benchmarks/peers/node/strict.config.cjs`).

        ## {reloads} reloads, one after another, under 50 clients

        | Connections | Service | Requests | Failed | Refused | Reset | Cut | Timed out | p50 | p99 | p99.9 | Max | A reload | Fewest ready |
        |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
        {_reloads.ToString().TrimEnd()}

        ## {reloads} reloads under {Scenarios.Kept} clients that keep their connections and post 500 bytes 20 ms after each answer

        | Service | Requests | Failed | Connections opened anew | Moved | From the wish to leave to the stop of its application | p50 | p99 | p99.9 | Max |
        |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
        {_kept.ToString().TrimEnd()}

        A connection that moves stays the same for its client. Some move twice in a reload of two workers: first to the other old one.
        Moving delays a few requests. Within a fifth of a second the next worker has them all, and its code is not JIT-compiled yet. A drain
        sends clients there one after another.

        ## {kills} workers killed with SIGKILL, one after another, under 20 clients that wait 20 ms after each answer, a connection for each request

        | Service | Until a new worker's first answer | Until it is ready | Requests | Failed | Refused | Reset | Cut | Timed out |
        |---|--:|--:|--:|--:|--:|--:|--:|--:|
        {_kills.ToString().TrimEnd()}

        ## What it means

        {string.Join(Environment.NewLine, Reading())}

        """;

    private IEnumerable<string> Reading()
    {
        foreach (var (name, loads) in _reloaded)
        {
            yield return $"- {name}: {loads.Sum(load => load.Failed)} of {loads.Sum(load => load.Answered + load.Failed)} requests failed "
                + $"in {2 * reloads} reloads.";
        }
        foreach (var (name, figures) in _healed)
        {
            yield return $"- {name}: a killed worker cost {figures.Load.Failed / (double)kills:0.0} requests on average, "
                + $"and a new worker's first answer came after {Text(Median(figures.FirstAnswers))}.";
        }
        yield return "- A reload of the cluster is slow on purpose: each new worker serves for `SoakTime` (1 s) before an old one leaves. PM2 has no such";
        yield return "  time. Fewest ready: by the workers' own notes of their start and of the order to leave.";
        if (Pm2Command is { } command)
        {
            yield return $"- PM2's reload time is that of its command. Starting the command takes {Text(command)} of it (`pm2 ping`). Its timed-out requests are connections";
            yield return "  that stay open without an answer for 10 s.";
        }
        yield return "- Every service loses the requests that a killed worker was executing. Latencies compare .NET with Node, not reloads. Other";
        yield return "  work on the same processors lengthens all of them.";
    }

    private static TimeSpan Median(IReadOnlyList<TimeSpan> times)
    {
        var sorted = times.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    private static string Failures(StrictReport load) =>
        string.Join(" | ", new[] { load.Failed }.Concat(
            new[] { StrictFailure.Refused, StrictFailure.Reset, StrictFailure.Cut, StrictFailure.Timeout }
                .Select(failure => load.Failures.GetValueOrDefault(failure))));

    private static string Latencies(StrictReport load) => string.Join(" | ",
        new[] { load.Latencies.Percentile(50), load.Latencies.Percentile(99), load.Latencies.Percentile(99.9), load.Latencies.Max }.Select(Text));

    private static string Range(IReadOnlyList<TimeSpan> times) => $"{Text(Median(times))} ({Text(times.Min())} – {Text(times.Max())})";

    private static string Text(TimeSpan time) => time.TotalSeconds >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.0} ms");

    private static void Progress(string name, StrictReport load) => Console.Error.WriteLine($"{name}: {load}");
}
