using System.Diagnostics;

namespace ProcessCluster.Specs;

/// <summary>Workers that give no sign of life, and those that only look so.</summary>
public sealed class Hangs
{
    [MeasuresTime]
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_worker_with_a_blocked_thread_pool_is_reported_dumped_if_wanted_killed_and_replaced(bool isDumped)
    {
        await using var fleet = await FleetSpecs.Started(
            2, $"HeartbeatInterval 00:00:00.250 HeartbeatTimeout 00:00:03 {(isDumped ? "HangDumpDirectory {folder}" : "")}");
        var before = await fleet.Workers();
        fleet.SetVersion("hangs 100");
        await fleet.Kill(1);
        await fleet.Cluster.Expect("^hangs ");
        var watch = Stopwatch.StartNew();
        fleet.SetVersion("echo");
        await fleet.Cluster.Expect("^hung 3$");
        // Its last sign may be a quarter of a second old when it hangs, and its line is read some time after it was written.
        Assert.InRange(watch.Elapsed.TotalSeconds, 2, 6);
        await fleet.Cluster.Expect("^exited 3 Hung code= signal=SIGKILL");
        if (!isDumped)
            Assert.InRange(watch.Elapsed.TotalSeconds, 2, 8);
        await fleet.Cluster.ExpectAll("^listening ", 4);
        var after = await fleet.Workers();
        Assert.Equal(before[0], after[0]);
        Assert.Equal(4, after[1].Id);
        var dumps = Directory.GetFiles(fleet.Folder, "worker-3-*.dmp");
        Assert.Equal(isDumped ? 1 : 0, dumps.Length);
        if (isDumped)
        {
            using var dump = File.OpenRead(dumps[0]);
            Span<byte> magic = stackalloc byte[4];
            dump.ReadExactly(magic);
            Assert.Equal("\u007fELF"u8, magic);
            await fleet.Cluster.Expect("^exited 3 Hung .* was hung and was killed");
        }
    }

    [Fact]
    public async Task Workers_that_are_busy_are_not_hung_and_idle_ones_neither()
    {
        // Set HANG_SECONDS for longer.
        var seconds = int.Parse(Environment.GetEnvironmentVariable("HANG_SECONDS") ?? "8", null);
        await using var fleet = FleetSpecs.Configured(2, "HeartbeatInterval 00:00:00.250 HeartbeatTimeout 00:00:04");
        fleet.SetVersion("busy");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ", TimeSpan.FromSeconds(60));
        var before = await fleet.Workers();
        await Task.Delay(TimeSpan.FromSeconds(seconds)); // Nothing happens: that is what is looked for.
        Assert.Equal(before, await fleet.Workers());
        Assert.Equal(0, fleet.Cluster.Count("^hung "));
    }

    [Fact]
    public async Task A_primary_that_was_stopped_for_twice_the_limit_blames_nobody()
    {
        await using var fleet = await FleetSpecs.Started(2, "HeartbeatInterval 00:00:00.200 HeartbeatTimeout 00:00:02");
        var before = await fleet.Workers();
        for (var round = 0; round < 2; round++)
        {
            fleet.Cluster.Signal(Signal.SIGSTOP);
            await Task.Delay(TimeSpan.FromSeconds(4));
            fleet.Cluster.Signal(Signal.SIGCONT);
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(before, await fleet.Workers());
        Assert.Equal(0, fleet.Cluster.Count("^hung "));
    }
}
