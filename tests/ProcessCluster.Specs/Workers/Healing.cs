using System.Globalization;

namespace ProcessCluster.Specs;

/// <summary>What follows the end of a worker in a cluster that keeps its number of them.</summary>
public sealed class Healing
{
    [Fact]
    public async Task Crashes_at_boot_are_followed_by_growing_delays_a_breaker_and_no_harm_to_others()
    {
        await using var fleet = await FleetSpecs.Started(
            3, "Restart:InitialDelay 00:00:00.200 Restart:MaxDelay 00:00:01 Restart:MaxRestarts 6 Restart:Window 00:00:04 Restart:Jitter 0.1");
        var before = await fleet.Workers();
        fleet.SetVersion("exit 3");
        var processorTime = ProcessorTime(fleet.Cluster.Id);
        var started = Environment.TickCount64;
        await fleet.Kill(1);

        // Six restarts; with the seventh end the slot rests for the window, then one attempt.
        await fleet.Cluster.ExpectError("Slot 1 has used up its 6 restarts within 00:00:04. One more is tried in 00:00:04");
        await fleet.Cluster.ExpectAll("^forked ", 3 + 6 + 1);
        var share = (ProcessorTime(fleet.Cluster.Id) - processorTime).TotalMilliseconds / (Environment.TickCount64 - started);
        Assert.InRange(share, 0, 0.05);
        await fleet.Cluster.ExpectAll("^exited ", 1 + 6 + 1);

        fleet.Cluster.Send("history");
        await fleet.Cluster.Expect("in history$");
        var lives = (await fleet.Cluster.ExpectAll(@"^history \d+ slot=1 generation=1 from=(\d+) to=(\d+) (\w+)", 8))
            .Select(match => (From: Milliseconds(match.Groups[1].Value), To: Milliseconds(match.Groups[2].Value))).ToList();
        double[] delays = [200, 400, 800, 1000, 1000, 1000, 4000];
        for (var i = 0; i < delays.Length; i++)
        {
            // Timers go by a clock of some milliseconds; nothing but the machine makes one later: starting a process takes its time, too.
            var isCapped = delays[i] >= 1000;
            Assert.InRange(lives[i + 1].From - lives[i].To, delays[i] * (isCapped ? 1 : 0.9) - 10, (delays[i] * (isCapped ? 1 : 1.1)) + 250);
        }
        var after = await fleet.Workers();
        Assert.Equal((before[0], before[2]), (after[0], after[2]));

        // It recovers by itself.
        fleet.SetVersion("echo");
        await fleet.Cluster.ExpectAll("^listening ", 4);
        Assert.Equal(3, (await fleet.Workers()).Count);
    }

    [Fact]
    public async Task A_worker_that_says_that_its_configuration_is_wrong_is_not_tried_again_until_a_reload()
    {
        await using var fleet = await FleetSpecs.Started(2);
        fleet.SetVersion("exit 78");
        await fleet.Kill(0);
        await fleet.Cluster.ExpectError("Slot 0 stays empty");
        fleet.SetVersion("echo");
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        Assert.Equal([0, 1], (await fleet.Workers()).Keys.Order());
        Assert.Equal(2 + 1 + 2, fleet.Cluster.Count("^forked "));
    }

    [Fact]
    public async Task A_cluster_that_is_to_end_without_workers_ends_with_a_code_of_its_own()
    {
        await using var fleet = await FleetSpecs.Started(
            2, "Restart:MaxRestarts 1 Restart:InitialDelay 00:00:00.010 Restart:WhenExhausted EndPrimary");
        fleet.SetVersion("exit 3");
        await fleet.Kill(0);
        await fleet.Cluster.ExpectError("Slot 0 has used up its 1 restarts");
        await fleet.Kill(1);
        await fleet.Cluster.ExpectError("No worker is ready and none will be tried");
        await fleet.Cluster.Expect("^bye$");
        Assert.Equal(RestartOptions.GivenUpExitCode, await fleet.Cluster.Exit());
    }

    [Fact]
    public async Task A_standby_worker_takes_over_at_once()
    {
        await using var fleet = await FleetSpecs.Started(2, "StandbyWorkers 1");
        await fleet.Cluster.ExpectAll("^listening ", 3);
        var endPoint = System.Net.IPEndPoint.Parse((await fleet.Cluster.Expect(@"^started at (\S+)$")).Groups[1].Value);
        var standby = FleetSpecs.Number((await fleet.Cluster.Expect(@"^forked 3 (\d+)$")), 1);
        for (var i = 0; i < 20; i++)
            Assert.NotEqual(standby, await Client.Ask(endPoint)); // Out of dispatch.

        await fleet.Kill(0);
        var answers = new HashSet<int>();
        for (var i = 0; i < 20; i++)
            answers.Add(await Client.Ask(endPoint));
        Assert.Contains(standby, answers);
        Assert.Equal(standby, (await fleet.Workers())[0].Process);
        await fleet.Cluster.ExpectAll("^listening ", 4); // And another one stands by.
    }

    [Fact]
    public async Task SIGTERM_to_a_worker_drains_and_replaces_it()
    {
        await using var fleet = await FleetSpecs.Started(2);
        await fleet.Kill(1, Signal.SIGTERM);
        await fleet.Cluster.Expect("^exited 2 Requested code=0 signal= asked=True");
        await fleet.Cluster.ExpectAll("^listening ", 3);
        Assert.Equal(3, (await fleet.Workers())[1].Id);
    }

    [Fact]
    public async Task Each_slot_has_its_number_and_its_variables_and_the_next_worker_in_it_has_them_again()
    {
        await using var fleet = await FleetSpecs.Started(3, "SlotEnvironment:0:OWN first SlotEnvironment:2:OWN third");
        await fleet.Cluster.ExpectAll("^version echo in", 3);
        Assert.Equal(["0 generation 1 own first", "1 generation 1 own ", "2 generation 1 own third"], await OwnAsync(fleet, 0, 3));
        await fleet.Kill(2);
        Assert.Equal(["2 generation 1 own third"], await OwnAsync(fleet, 3, 4));
    }

    [Fact]
    public async Task What_a_worker_has_started_ends_with_it()
    {
        await using var fleet = await FleetSpecs.Started(1);
        fleet.SetVersion("family");
        fleet.Cluster.Send("scale 2");
        var child = FleetSpecs.Number(await fleet.Cluster.Expect(@"^child (\d+)$"), 1);
        await fleet.Cluster.ExpectAll("^listening ", 2);
        Assert.Contains(child, fleet.Cluster.Descendants);
        await fleet.Kill(1);
        await fleet.Cluster.Expect("^exited 2 ");
        Assert.DoesNotContain(child, fleet.Cluster.Descendants);
    }

    [Theory]
    [InlineData(Signal.SIGKILL, false)]
    [InlineData(Signal.SIGKILL, true)]
    [InlineData(Signal.SIGTERM, false)]
    public async Task What_a_worker_has_started_ends_with_the_primary(Signal signal, bool isStopped)
    {
        await using var fleet = FleetSpecs.Configured(1);
        fleet.SetVersion("family");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        Assert.Equal(2, fleet.Cluster.Descendants.Count);
        if (isStopped)
            await fleet.Kill(0, Signal.SIGSTOP);
        fleet.Cluster.Signal(signal);
        await fleet.Cluster.Exit();
        for (var patience = Environment.TickCount64 + 5000; fleet.Cluster.Descendants.Count > 0 && Environment.TickCount64 < patience;)
            await Task.Delay(20);
        Assert.Empty(fleet.Cluster.Descendants);
    }

    [Fact]
    public async Task A_stopped_worker_ends_with_the_primary_where_orphans_stay_in_its_session() // Elsewhere POSIX has its process group continued.
    {
        await using var fleet = FleetSpecs.Configured(1, start: _ => TestProcess.Start("init driver"));
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        await fleet.Kill(0, Signal.SIGSTOP);
        TestProcess.SendSignal(FleetSpecs.Number(await fleet.Cluster.Expect(@"^primary (\d+)$"), 1), Signal.SIGKILL);
        Assert.Equal(0, await fleet.Cluster.Exit(TimeSpan.FromSeconds(5)));
        Assert.NotEqual(0, fleet.Cluster.Count("^reaped$"));
    }

    [Fact]
    public async Task Orphans_that_come_to_the_primary_are_reaped_and_its_workers_exits_stay_right()
    {
        await using var fleet = FleetSpecs.Configured(
            1, "Restart:InitialDelay 00:00:00.010 Restart:MaxDelay 00:00:00.010 Restart:MaxRestarts 1000", _ => TestProcess.Start("driver", ("SUBREAPER", "1")));
        fleet.SetVersion("orphans 100");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^orphaned$");
        fleet.SetVersion("exit 41");
        fleet.Cluster.Send("&scale 2");
        await fleet.Cluster.ExpectAll("^exited .* code=41 ", 10);
        Assert.Equal(0, fleet.Cluster.Count(@"^exited \d+ .* code= signal= "));
        for (var patience = Environment.TickCount64 + 10_000; Zombies(fleet.Cluster.Id) > 1;) // A worker may just be ending.
        {
            Assert.True(Environment.TickCount64 < patience, $"{Zombies(fleet.Cluster.Id)} zombies.");
            await Task.Delay(50);
        }
    }

    private static int Zombies(int parent) => Directory.GetDirectories("/proc").Where(directory => int.TryParse(Path.GetFileName(directory), out _)).Count(directory =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(directory, "stat")).Split(") ")[^1] is var fields && fields.StartsWith($"Z {parent} ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // It is gone.
        }
    });

    private static async Task<List<string>> OwnAsync(FleetSpecs fleet, int skip, int count) =>
        [.. (await fleet.Cluster.ExpectAll(@"^version echo in \d+ slot (.*)$", count)).Skip(skip).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];

    private static long Milliseconds(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>What a process has used of the processors (<c>man 5 proc</c>: utime and stime, in ticks of 10 ms).</summary>
    private static TimeSpan ProcessorTime(int process)
    {
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromMilliseconds(10 * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)));
    }
}
