using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Reloads, deaths and recycling of workers under load, seen by clients that never retry.</summary>
public sealed class Reloading : IDisposable
{
    /// <summary>What clients leave to workers that boot, where the load is not what is looked at: some 2,000 requests per second come all the same.</summary>
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(10);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pc-web-");

    private string VersionFile => Path.Combine(_directory.FullName, "version");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reloads_under_load_fail_no_request_and_replace_every_process(bool keepAlive)
    {
        // Set RELOADS for more; benchmarks/reload.sh does ten with the defaults.
        var reloads = int.Parse(Environment.GetEnvironmentVariable("RELOADS") ?? "2", CultureInfo.InvariantCulture);
        await using var web = await Start(2, ("ProcessCluster__SoakTime", "00:00:00.200"));
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 50, KeepAlive = keepAlive });
        for (var generation = 2; generation <= reloads + 1; generation++)
        {
            var before = await Serving(web, (generation - 1) * 2);
            await Reload(web, generation, $"The reload to generation {generation} replaced 2 workers");
            var after = await Serving(web, generation * 2);
            Assert.Empty(before.Intersect(after));
            await load.ExpectAnswers(100);
        }
        var report = await load.StopAsync();
        Assert.True(report.Failed == 0, report.ToString());
        Assert.True(report.ByProcess.Count > 2 * reloads, report.ToString());
    }

    [Theory]
    [InlineData("fail", "FailedAtBoot|failed at boot, exit code 1: System.InvalidOperationException: the version is broken")]
    [InlineData("never", "it was not up within 00:00:04")]
    public async Task A_broken_version_under_load_fails_no_request_and_leaves_the_old_processes(string version, string reason)
    {
        await using var web = await Start(2, ("ProcessCluster__BootTimeout", "00:00:04"));
        var before = await Serving(web, 2);
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 20, Pause = Breath });
        await load.ExpectAnswers(100);
        SetVersion(version);
        await Reload(web, 2, $"The reload to generation 2 failed after 0 workers: .*({reason})", within: 15);
        await load.ExpectAnswers(1000);
        var report = await load.StopAsync();
        Assert.True(report.Failed == 0, report.ToString());
        Assert.Equal(before, report.ByProcess.Keys.Order());
    }

    [Fact]
    public async Task A_version_that_dies_while_it_serves_costs_no_more_than_its_own_requests()
    {
        await using var web = await Start(2, ("ProcessCluster__SoakTime", "00:00:10"));
        var before = await Serving(web, 2);
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 20, KeepAlive = false, Pause = Breath });
        await load.ExpectAnswers(100);
        SetVersion("dies");
        await Reload(web, 2, "The reload to generation 2 failed after 0 workers: worker 3 did not live through its soak time", within: 30);
        var failed = load.Failed;
        Assert.InRange(failed, 0, 20); // At most one for each client.
        await load.ExpectAnswers(1000);
        var report = await load.StopAsync();
        Assert.True(report.Failed == failed, report.ToString());
        Assert.Subset(report.ByProcess.Keys.ToHashSet(), before.ToHashSet());
    }

    [Fact]
    public async Task Long_responses_across_a_reload_arrive_whole_from_the_old_process()
    {
        const int bytes = 10_000_000;
        await using var web = await Start(2, ("ProcessCluster__SoakTime", "00:00:00.100"));
        var old = await Serving(web, 2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var connections = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ =>
            StrictConnection.OpenAsync(new IPEndPoint(IPAddress.Loopback, web.Port), null, deadline.Token)));
        foreach (var connection in connections)
            await connection.SendAsync(StrictConnection.Request($"/stream?bytes={bytes}&ms=10000"), deadline.Token);
        var answers = connections.Select(connection => connection.ReadAnswerAsync(deadline.Token)).ToList();
        await web.Process.ExpectAll("^streaming ", connections.Length);
        web.Process.Signal(Signal.SIGHUP);
        var @new = (await Serving(web, 4)).ToHashSet();
        await web.Process.ExpectAll("^leaving ", connections.Length); // Each stream tells it of its process.
        using var client = Client.PerRequest(web.Address);
        for (var i = 0; i < 20; i++)
            Assert.Contains(int.Parse(await client.GetStringAsync("/"), CultureInfo.InvariantCulture), @new);
        Assert.Equal(0, answers.Count(answer => answer.IsCompleted));
        foreach (var answer in await Task.WhenAll(answers))
        {
            Assert.Equal(bytes, answer.Body.Length);
            Assert.Contains(int.Parse(Encoding.ASCII.GetString(answer.Body, 0, 16), CultureInfo.InvariantCulture), old);
            for (var i = 16; i < bytes; i++)
            {
                if (answer.Body[i] != (byte)((i * 31L) % 251))
                    Assert.Fail($"Byte {i} is {answer.Body[i]}.");
            }
        }
        foreach (var connection in connections)
            connection.Dispose();
        await web.Process.Expect("The reload to generation 2 replaced 2 workers");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_worker_that_is_killed_under_load_costs_no_more_than_its_own_requests_and_is_replaced(int standby)
    {
        await using var web = await Start(2, ("ProcessCluster__StandbyWorkers", $"{standby}"), ("ProcessCluster__Restart__StableAfter", "00:00:01"));
        var all = await Serving(web, 2 + standby);
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 20, KeepAlive = false, Pause = Breath });
        var victim = all[0];
        await load.ExpectAnswersOf(victim, more: 200);
        await Task.Delay(1000); // Stable.
        var watch = Stopwatch.StartNew();
        TestProcess.SendSignal(victim, Signal.SIGKILL);
        if (standby > 0)
            await load.ExpectAnswersOf(all[2]);
        else
            await Serving(web, 3);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5); // A bound for busy machines; benchmarks measure it.
        await Serving(web, 3 + standby);
        await load.ExpectAnswers(1000);
        var report = await load.StopAsync();
        Assert.InRange(report.Failed, 0, 20);
        Assert.DoesNotContain(StrictFailure.Refused, report.Failures.Keys);
    }

    [Fact]
    public async Task Workers_recycled_by_request_count_go_one_at_a_time_and_fail_no_request()
    {
        const int workers = 4;
        await using var web = await Start(
            workers, ("ProcessCluster__Recycle__MaxRequests", "150"), ("ProcessCluster__Recycle__Jitter", "0.5"), ("ProcessCluster__SoakTime", "00:00:00.050"));
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 20, Pause = Breath });
        await Serving(web, workers * 2);
        var report = await load.StopAsync();
        Assert.True(report.Failed == 0, report.ToString());

        // A new one was up before each old one left, and the old one was gone before the next new one was started.
        var events = (await web.Process.ExpectAll(@"^service (started|stopped) (\d+)$|due for recycling", workers)).ToList();
        var (up, due) = (0, 0);
        foreach (var happened in events)
        {
            switch (happened.Groups[1].Value)
            {
                case "started":
                    up++;
                    break;
                case "stopped":
                    up--;
                    due--;
                    Assert.True(up >= workers, $"{up} were up.");
                    break;
                default:
                    due++;
                    Assert.InRange(due, 0, 1);
                    break;
            }
        }
        var limits = (await web.Process.ExpectAll(@"Recycle:MaxRequests, \d+ requests of (\d+)", 4)).Select(match => match.Groups[1].Value).Distinct();
        Assert.True(limits.Count() > 1, "All have the same limit.");
    }

    [Fact]
    public async Task Busy_workers_get_more_up_to_the_most()
    {
        await using var web = await Start(1, ("ProcessCluster__MinWorkers", "1"), ("ProcessCluster__MaxWorkers", "3"));
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 10, KeepAlive = false, Path = "/strict?slow=50" });
        await web.Process.Expect("Scaling from 1 workers to 2");
        await web.Process.Expect("Scaling from 2 workers to 3");
        await Serving(web, 3);
        await load.ExpectAnswers(100);
        var report = await load.StopAsync();
        Assert.True(report.Failed == 0, report.ToString());
        Assert.Equal(0, web.Process.Count("Scaling from 3 workers to 4"));
    }

    [MeasuresTime]
    [Fact]
    public async Task A_second_interrupt_ends_everything_at_once()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var connection = await StrictConnection.OpenAsync(new IPEndPoint(IPAddress.Loopback, web.Port), null, deadline.Token);
        await connection.SendAsync(StrictConnection.Request("/stream?bytes=1000&ms=20000"), deadline.Token);
        await web.Process.Expect("^streaming ");
        web.Process.Signal(Signal.SIGINT);
        await web.Process.Expect("^leaving ");
        var watch = Stopwatch.StartNew();
        web.Process.Signal(Signal.SIGINT);
        Assert.Equal(0, await web.Process.Exit());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 3);
    }

    [Fact]
    public async Task Many_replacements_leave_nothing_behind()
    {
        // Set REPLACEMENTS for more.
        var reloads = int.Parse(Environment.GetEnvironmentVariable("REPLACEMENTS") ?? "20", CultureInfo.InvariantCulture) / 2;
        await using var web = await Start(2, ("ProcessCluster__SoakTime", "00:00:00"));
        (int Descriptors, int Threads, int Files, long Memory) early = default;
        for (var generation = 2; generation <= reloads + 1; generation++)
        {
            await Reload(web, generation, $"The reload to generation {generation} replaced 2 workers");
            if (generation == 6)
                early = await Settled();
        }
        (int Descriptors, int Threads, int Files, long Memory) late = default;
        for (var patience = 0; patience < 100; patience++)
        {
            late = await Settled(); // Threads of the pool come and go.
            if (late.Descriptors <= early.Descriptors && late.Threads <= early.Threads + 2)
                break;
            await Task.Delay(100);
        }
        Assert.Equal((early.Descriptors, early.Files), (late.Descriptors, late.Files));
        Assert.InRange(late.Threads, 1, early.Threads + 2);
        Assert.InRange(late.Memory - early.Memory, long.MinValue, 5 << 20);

        // What the collector has not looked at yet would hide what stays.
        async Task<(int Descriptors, int Threads, int Files, long Memory)> Settled()
        {
            var before = web.Process.Count("^collected$");
            web.Process.Signal(Signal.SIGUSR1);
            await web.Process.ExpectAll("^collected$", before + 1);
            return Left(web.Process.Id);
        }
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private Task<Started> Start(int workers, params (string, string)[] environment)
    {
        SetVersion("good");
        return Started.Web("minimal", workers, [("VERSION", VersionFile), .. environment]);
    }

    private void SetVersion(string version) => File.WriteAllText(VersionFile, version);

    private static async Task Reload(Started web, int generation, string result, int within = 60)
    {
        web.Process.Signal(Signal.SIGHUP);
        await web.Process.Expect($"Reloading to generation {generation}");
        await web.Process.Expect(result, TimeSpan.FromSeconds(within));
    }

    /// <summary>The last workers of the cluster, when so many have come up in all.</summary>
    private static async Task<List<int>> Serving(Started web, int count)
    {
        var all = (await web.Process.ExpectAll(@"^service started (\d+)$", count, TimeSpan.FromSeconds(90)))
            .Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToList();
        return [.. all.TakeLast(2 + (count % 2)).Order()];
    }

    private static (int Descriptors, int Threads, int Files, long Memory) Left(int process) => (
        Descriptors.Count(process),
        Directory.GetDirectories($"/proc/{process}/task").Length,
        Directory.GetFileSystemEntries(Path.GetTempPath(), "dotnet-diagnostic-*").Count(path => path.Contains($"-{process}-", StringComparison.Ordinal)),
        long.Parse(File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10);
}
