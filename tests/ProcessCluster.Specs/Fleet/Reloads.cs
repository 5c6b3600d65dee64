using System.Diagnostics;
using System.Net;

namespace ProcessCluster.Specs;

/// <summary>Reloads of good and of broken programs, one after another and all at once.</summary>
public sealed class Reloads
{
    [MeasuresTime]
    [Theory]
    [InlineData("exit 17", "cause=FailedAtBoot code=17", "")]
    [InlineData("never-ready", "cause=FailedAtBoot", "it was not up within 00:00:05")]
    [InlineData("dies 300", "cause=Crashed code=3", "did not live through its soak time")]
    public async Task A_version_that_is_broken_changes_nothing_and_is_named(string version, string exit, string reason)
    {
        await using var fleet = await FleetSpecs.Started(3, "BootTimeout 00:00:05 SoakTime 00:00:02");
        var before = await fleet.Workers();
        fleet.SetVersion(version);
        var watch = Stopwatch.StartNew();
        var result = await fleet.Reload();
        Assert.StartsWith($"succeeded=False generation=2 replaced=0 worker=4 {exit}", result, StringComparison.Ordinal);
        Assert.Contains(reason, result, StringComparison.Ordinal);
        if (version == "never-ready")
            Assert.InRange(watch.Elapsed.TotalSeconds, 4.9, 12);
        if (version.StartsWith("exit", StringComparison.Ordinal))
            Assert.Contains("the first line of its error | the settings are wrong", result, StringComparison.Ordinal);
        Assert.Equal(before, await fleet.Workers());
        Assert.Equal(3, fleet.Cluster.Descendants.Count);

        // And a good one is served after that.
        fleet.SetVersion("good");
        Assert.StartsWith("succeeded=True generation=3 replaced=3", await fleet.Reload(), StringComparison.Ordinal);
        Assert.Equal(3, fleet.Cluster.Count("^version good in"));
    }

    [Fact]
    public async Task A_version_that_boots_slowly_is_waited_for_while_the_old_one_serves()
    {
        await using var fleet = await FleetSpecs.Started(2, "SoakTime 00:00:00.100");
        var endPoint = IPEndPoint.Parse((await fleet.Cluster.Expect(@"^started at (\S+)$")).Groups[1].Value);
        var old = (await fleet.Workers()).Values.Select(worker => worker.Process).ToHashSet();
        fleet.SetVersion("slow 3000");
        var reload = fleet.Reload();
        await fleet.Cluster.Expect("^version slow");
        Assert.Contains(await Client.Ask(endPoint), old);
        Assert.StartsWith("succeeded=True", await reload, StringComparison.Ordinal);
        Assert.DoesNotContain(await Client.Ask(endPoint), old);
    }

    [Fact]
    public async Task A_probe_decides_before_a_worker_gets_connections()
    {
        await using var fleet = FleetSpecs.Configured(2, "ReadyProbe yes SoakTime 00:00:00.100 RequestTimeout 00:00:02");
        fleet.SetVersion("answers");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        var before = await fleet.Workers();
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        var serving = await fleet.Workers();
        Assert.Empty(before.Values.Intersect(serving.Values));
        fleet.SetVersion("mute"); // Nobody answers there.
        Assert.Contains("did not pass its probe", await fleet.Reload(), StringComparison.Ordinal);
        Assert.Equal(serving, await fleet.Workers());
    }

    [Fact]
    public async Task A_thousand_reload_signals_leave_two_generations_at_most_and_the_last_version_serves()
    {
        await using var fleet = await FleetSpecs.Started(2, "SoakTime 00:00:00.050");
        var forked = 2;
        for (var i = 0; i < 1000; i++)
        {
            fleet.Cluster.Signal(Signal.SIGHUP);
            if (i == 500)
                fleet.SetVersion("last");
        }
        await fleet.Cluster.ExpectAll("^version last in", 2);
        await fleet.Cluster.ExpectAll("^exited ", 2);
        // Quiet again, and what serves is the last version.
        for (var count = -1; count != forked;)
        {
            (count, forked) = (forked, fleet.Cluster.Count("^forked "));
            await Task.Delay(2000);
        }
        var last = (await fleet.Cluster.ExpectAll(@"^version last in (\d+)", 2)).Select(match => FleetSpecs.Number(match, 1)).ToHashSet();
        Assert.All((await fleet.Workers()).Values, worker => Assert.Contains(worker.Process, last));
        Assert.Equal(2, (await fleet.Workers()).Count);
        Assert.Equal(2, fleet.Cluster.Descendants.Count);

        fleet.Cluster.Send("history");
        await fleet.Cluster.Expect("in history$");
        var lives = (await fleet.Cluster.ExpectAll(@"^history \d+ slot=\d+ generation=(\d+) from=(\d+) to=(\d+)", 2)).Select(match =>
            (Generation: FleetSpecs.Number(match, 1), From: long.Parse(match.Groups[2].Value, null), To: long.Parse(match.Groups[3].Value, null))).ToList();
        Assert.All(lives, life => Assert.InRange(
            lives.Where(other => other.From <= life.From && life.From < other.To).Select(other => other.Generation).Distinct().Count(), 1, 2));
    }

    [Fact]
    public async Task Signals_that_come_while_the_cluster_starts_are_kept()
    {
        await using var fleet = FleetSpecs.Configured(1, "SoakTime 00:00:00.050");
        fleet.SetVersion("slow 1500");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^version slow");
        fleet.Cluster.Signal(Signal.SIGHUP);
        fleet.SetVersion("last");
        await fleet.Cluster.Expect("^started ");
        await fleet.Cluster.Expect("^version last in");
        await fleet.Cluster.Expect("^exited 1 Requested");
        Assert.Equal(2, (await fleet.Workers())[0].Id);
    }

    [Theory]
    [InlineData("reload")]
    [InlineData("boot")]
    [InlineData("back-off")]
    public async Task Stopping_in_the_middle_ends_everything_in_time_and_frees_the_port(string middle)
    {
        await using var fleet = await FleetSpecs.Started(2, "Restart:InitialDelay 00:00:20");
        var endPoint = IPEndPoint.Parse((await fleet.Cluster.Expect(@"^started at (\S+)$")).Groups[1].Value);
        switch (middle)
        {
            case "reload":
                fleet.SetVersion("slow 20000");
                fleet.Cluster.Send("&reload");
                await fleet.Cluster.Expect("^version slow");
                break;
            case "boot":
                fleet.SetVersion("slow 20000");
                fleet.Cluster.Send("&scale 3");
                await fleet.Cluster.Expect("^version slow");
                break;
            default:
                await fleet.Kill(0);
                await fleet.Cluster.Expect("^exited ");
                break;
        }
        var watch = Stopwatch.StartNew();
        fleet.Cluster.Signal(Signal.SIGTERM);
        Assert.Equal(0, await fleet.Cluster.Exit());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 13); // DrainTimeout is 10 s; the machine may be busy.
        Assert.Empty(fleet.Cluster.Descendants);
        using var free = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        free.Bind(endPoint);
        free.Listen();
    }

    [Fact]
    public async Task A_symbolic_link_that_was_switched_brings_the_new_program()
    {
        await using var fleet = FleetSpecs.Configured(2, "SoakTime 00:00:00.050", folder =>
        {
            var source = Path.GetDirectoryName(TestPaths.TestApp)!;
            foreach (var release in (string[])["one", "two"])
            {
                Directory.CreateDirectory(Path.Combine(folder, release));
                foreach (var file in Directory.GetFiles(source))
                    File.Copy(file, Path.Combine(folder, release, Path.GetFileName(file)));
            }
            Directory.CreateSymbolicLink(Path.Combine(folder, "current"), Path.Combine(folder, "one"));
            return TestProcess.StartFile(Path.Combine(folder, "current", Path.GetFileName(TestPaths.TestApp)), "driver");
        });
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        Assert.All((await fleet.Workers()).Values, worker => Assert.StartsWith(Path.Combine(fleet.Folder, "one"), Executable(worker.Process), StringComparison.Ordinal));

        Directory.Delete(Path.Combine(fleet.Folder, "current"));
        Directory.CreateSymbolicLink(Path.Combine(fleet.Folder, "current"), Path.Combine(fleet.Folder, "two"));
        Directory.Delete(Path.Combine(fleet.Folder, "one"), recursive: true);
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        Assert.All((await fleet.Workers()).Values, worker => Assert.StartsWith(Path.Combine(fleet.Folder, "two"), Executable(worker.Process), StringComparison.Ordinal));
    }

    private static string Executable(int process) => new FileInfo($"/proc/{process}/exe").LinkTarget ?? "";
}
