namespace ProcessCluster.Specs;

/// <summary>More workers and fewer, by call and by signal, and workers that are replaced because a rule says so.</summary>
public sealed class Scaling
{
    [Fact]
    public async Task Workers_come_and_go_by_call()
    {
        await using var fleet = await FleetSpecs.Started(2);
        fleet.Cluster.Send("scale 4");
        await fleet.Cluster.Expect("^scaled to 4$");
        Assert.Equal([0, 1, 2, 3], (await fleet.Workers()).Keys.Order());
        fleet.Cluster.Send("scale 3 Oldest");
        await fleet.Cluster.Expect("^scaled to 3$");
        Assert.Equal([1, 2, 3], (await fleet.Workers()).Keys.Order());
        fleet.Cluster.Send("scale 1");
        await fleet.Cluster.Expect("^scaled to 1$");
        Assert.Equal(2, (await fleet.Workers())[1].Id);
        Assert.Equal(0, fleet.Cluster.Count("^exited .* (Crashed|Killed)"));
    }

    [Fact]
    public async Task A_number_that_cannot_be_is_an_error_at_the_call()
    {
        await using var fleet = await FleetSpecs.Started(1);
        fleet.Cluster.Send("scale 0");
        await fleet.Cluster.Expect("^failed ArgumentOutOfRangeException: .*workers");
        fleet.Cluster.Send("scale 1025");
        await fleet.Cluster.ExpectAll("^failed ArgumentOutOfRangeException: .*workers", 2);
    }

    [Fact]
    public async Task A_cluster_that_is_not_started_is_neither_scaled_nor_reloaded()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("scale 2");
        await cluster.Expect("^failed InvalidOperationException: Only a cluster that is started can be scaled");
        cluster.Send("reload");
        await cluster.Expect("^failed InvalidOperationException: Only a cluster that is started can be reloaded");
    }

    [Fact]
    public async Task A_new_worker_that_fails_is_an_error_of_scaling_and_tried_again()
    {
        await using var fleet = await FleetSpecs.Started(1, "Restart:InitialDelay 00:00:00.500");
        fleet.SetVersion("exit 5");
        fleet.Cluster.Send("scale 2");
        await fleet.Cluster.Expect("^failed ClusterStartException: .*worker 2 .*exit code 5");
        fleet.SetVersion("echo");
        await fleet.Cluster.ExpectAll("^listening ", 2);
    }

    [Fact]
    public async Task The_primary_s_signals_scale_and_never_below_one()
    {
        await using var fleet = await FleetSpecs.Started(1);
        fleet.Cluster.Signal(Signal.SIGTTIN);
        await fleet.Cluster.ExpectAll("^listening ", 2);
        for (var i = 0; i < 3; i++)
            fleet.Cluster.Signal(Signal.SIGTTOU);
        await fleet.Cluster.Expect("^exited 2 Requested");
        fleet.Cluster.Signal(Signal.SIGTTIN);
        await fleet.Cluster.ExpectAll("^listening ", 3);
        Assert.Equal([0, 1], (await fleet.Workers()).Keys.Order());
    }

    [Fact]
    public async Task Forked_workers_and_kept_ones_never_have_the_same_slot()
    {
        await using var fleet = FleetSpecs.Configured(1, "Restart:InitialDelay 00:00:20");
        fleet.Cluster.Send("fork idle");
        await fleet.Cluster.Expect("^online 1$");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        fleet.Cluster.Send("fork idle");
        fleet.Cluster.Send("scale 2");
        await fleet.Cluster.Expect("^scaled to 2");
        Assert.Equal(["1:0", "2:1", "3:2", "4:3"], await Slots(4));

        // A slot that waits for its next worker is taken.
        TestProcess.SendSignal(await fleet.Cluster.ProcessOf(2), Signal.SIGKILL);
        await fleet.Cluster.Expect("^exited 2 ");
        fleet.Cluster.Send("fork idle");
        await fleet.Cluster.Expect("^online 5$");
        Assert.Equal(["1:0", "3:2", "4:3", "5:4"], await Slots(4));

        // A forked worker's is free when it is gone.
        fleet.Cluster.Send("kill 3 SIGKILL");
        await fleet.Cluster.Expect("^exited 3 ");
        fleet.Cluster.Send("fork idle");
        await fleet.Cluster.Expect("^online 6$");
        Assert.Equal(["1:0", "4:3", "5:4", "6:2"], await Slots(4));

        async Task<IEnumerable<string>> Slots(int count)
        {
            var asked = fleet.Cluster.Count("^slots ");
            fleet.Cluster.Send("slots");
            var workers = (await fleet.Cluster.ExpectAll("^slots (.*)$", asked + 1))[asked].Groups[1].Value.Split(',');
            Assert.Equal(count, workers.Length);
            return workers.Select(worker => string.Join(':', worker.Split(':')[..2]));
        }
    }

    [Fact]
    public async Task A_worker_that_leaks_is_recycled_before_it_is_gone()
    {
        await using var fleet = await FleetSpecs.Started(2, "Recycle:MaxMemory 200000000 SoakTime 00:00:00.100");
        fleet.SetVersion("leaks");
        await fleet.Kill(0);
        await fleet.Cluster.Expect("^version leaks");
        fleet.SetVersion("echo");
        await fleet.Cluster.Expect("^exited 3 Recycled code=0 signal= asked=True: was recycled, exit code 0: Recycle:MaxMemory, ");
        await fleet.Cluster.ExpectAll("^listening ", 4);
        Assert.Equal([2, 4], (await fleet.Workers()).Values.Select(worker => worker.Id).Order());
    }

    [Fact]
    public async Task Workers_of_an_age_are_recycled_one_after_another()
    {
        await using var fleet = await FleetSpecs.Started(2, "Recycle:MaxAge 00:00:03 Recycle:Jitter 0 SoakTime 00:00:00.100");
        await fleet.Cluster.ExpectAll(@"^exited \d+ Recycled .*Recycle:MaxAge, ", 2);
        Assert.Equal(2, (await fleet.Workers()).Count);
    }

    [Fact]
    public async Task Workers_run_on_the_processor_of_their_slot_when_they_are_pinned()
    {
        await using var fleet = await FleetSpecs.Started(2, "PinProcessors true");
        foreach (var worker in (await fleet.Workers()).Values)
        {
            var allowed = File.ReadLines($"/proc/{worker.Process}/status").Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
            Assert.DoesNotContain(allowed.Split('\t')[1], c => c is ',' or '-');
        }
    }
}
