using ProcessCluster.Primary.Fleet;

namespace ProcessCluster.Tests.Primary.Fleet;

/// <summary>Who is started when another one ends, without processes.</summary>
public sealed class WorkerFleetTests
{
    [Fact]
    public void The_first_worker_starts_alone_and_the_others_when_it_is_up()
    {
        var cluster = Cluster(4);
        cluster.Fleet.StartFirst();
        cluster.Pass(100);
        Assert.Equal(["start 1 in 0"], cluster.Log);
        cluster.Up(1);
        cluster.Fleet.StartOthers();
        Assert.Equal(["start 1 in 0", "start 2 in 1", "start 3 in 2", "start 4 in 3"], cluster.Log);
    }

    [Fact]
    public void No_more_workers_boot_at_the_same_time_than_there_are_processors()
    {
        var cluster = new FakeCluster(new ClusterOptions { Workers = 8 }, processors: 2);
        cluster.Fleet.StartFirst();
        cluster.Up(1);
        cluster.Fleet.StartOthers();
        for (var id = 2; id <= 8; id++)
        {
            Assert.InRange(cluster.Workers.Values.Count(worker => !worker.IsUp), 1, 2);
            cluster.Up(id);
        }
        Assert.Equal(8, cluster.Ready);
    }

    [Fact]
    public void A_stable_worker_that_crashes_is_replaced_at_once_in_its_slot_and_nobody_else_is_touched()
    {
        var cluster = Started(3);
        cluster.Pass(60);
        cluster.End(2);
        Assert.Equal(["start 4 in 1"], cluster.Log);
    }

    [Fact]
    public void A_crash_at_boot_is_followed_by_growing_delays_until_the_breaker_opens_and_then_by_single_attempts()
    {
        var cluster = Started(2, options => (options.Restart.Jitter, options.Restart.MaxRestarts) = (0, 5));
        cluster.Pass(60);
        var id = 2;
        cluster.End(2); // stable: counts as the first restart
        id++;
        foreach (var delay in (double[])[0.1, 0.2, 0.4, 0.8])
        {
            cluster.End(id, WorkerExitCause.FailedAtBoot);
            cluster.Pass(delay - 0.001);
            Assert.Equal(id - 2, cluster.Log.Count);
            cluster.Pass(0.001);
            Assert.Equal(++id - 2, cluster.Log.Count);
        }
        cluster.End(id, WorkerExitCause.FailedAtBoot);
        cluster.Pass(59.9);
        Assert.Equal(id - 2, cluster.Log.Count);
        cluster.Pass(0.2);
        Assert.Equal($"start {++id} in 1", cluster.Log[^1]);

        // The attempt is a success: it is healed like any other from then on.
        cluster.Up(id);
        cluster.Pass(60);
        cluster.End(id);
        Assert.Equal($"start {id + 1} in 1", cluster.Log[^1]);
        Assert.DoesNotContain(cluster.Log, line => line.StartsWith("leave", StringComparison.Ordinal));
        Assert.Contains(1, cluster.Workers.Keys);
    }

    [Fact]
    public void A_worker_that_asks_to_leave_is_replaced_before_it_is_gone()
    {
        var cluster = Started(2);
        cluster.Pass(60);
        cluster.Workers[1].IsGoing = true;
        cluster.Fleet.Going(cluster.Workers[1], WorkerEnd.Left);
        Assert.Equal(["start 3 in 0"], cluster.Log);
        cluster.End(1, WorkerExitCause.Requested, 0);
        Assert.Equal(["start 3 in 0"], cluster.Log);
    }

    [Fact]
    public void An_exit_that_means_a_wrong_configuration_is_not_followed()
    {
        var cluster = Started(2);
        cluster.End(1, WorkerExitCause.Crashed, RestartOptions.ConfigurationErrorExitCode);
        cluster.Pass(10_000);
        Assert.Empty(cluster.Log);
        Assert.False(cluster.HasGivenUp);
    }

    [Fact]
    public void A_program_that_cannot_be_started_is_tried_again()
    {
        var cluster = Started(2);
        cluster.CannotStart = true;
        cluster.End(1);
        cluster.Pass(5);
        Assert.Empty(cluster.Log);
        cluster.CannotStart = false;
        cluster.Pass(60);
        Assert.Equal(["start 3 in 0"], cluster.Log);
    }

    [Theory]
    [InlineData(WhenExhausted.KeepTrying, false)]
    [InlineData(WhenExhausted.EndPrimary, true)]
    public void With_no_worker_left_and_every_breaker_open_the_option_decides(WhenExhausted option, bool givesUp)
    {
        var cluster = Started(2, options => (options.Restart.WhenExhausted, options.Restart.MaxRestarts) = (option, 2));
        for (var round = 0; round < 2; round++)
        {
            foreach (var id in cluster.Workers.Keys.ToList())
                cluster.End(id);
            cluster.Pass(1);
        }
        Assert.False(cluster.HasGivenUp);
        cluster.End(cluster.Workers.Keys.Min());
        Assert.False(cluster.HasGivenUp); // One may still come up.
        cluster.End(cluster.Workers.Keys.Min());
        Assert.Equal(givesUp, cluster.HasGivenUp);
    }

    [Fact]
    public void A_standby_worker_takes_a_dead_one_s_place_at_once_and_another_is_booted()
    {
        var cluster = Started(2, options => options.StandbyWorkers = 1);
        Assert.Equal(2, cluster.Workers[3].Slot);
        Assert.False(cluster.Workers[3].IsAdmitted);
        cluster.Pass(60);
        cluster.End(1);
        Assert.Equal(["admit 3 to 0", "start 4 in 2"], cluster.Log);
        Assert.Equal(2, cluster.Ready);
    }

    [Fact]
    public void Standby_workers_that_crash_are_tried_with_growing_delays_and_never_hurry_the_others()
    {
        var cluster = Started(1, options => (options.StandbyWorkers, options.Restart.Jitter) = (1, 0));
        for (var id = 2; id < 5; id++)
        {
            cluster.End(id, WorkerExitCause.FailedAtBoot);
            cluster.Pass(1);
        }
        Assert.Equal(3, cluster.Log.Count(line => line.StartsWith("start", StringComparison.Ordinal)));
        Assert.Contains(1, cluster.Workers.Keys);
    }

    [Fact]
    public void Scaling_adds_the_lowest_free_slots_and_takes_away_the_youngest_or_the_oldest()
    {
        var cluster = Started(2);
        cluster.BootAtOnce = true;
        cluster.Fleet.Scale(4, ScaleDownOrder.Youngest);
        cluster.Settle();
        Assert.Equal(["start 3 in 2", "start 4 in 3"], cluster.Log);
        cluster.Fleet.Scale(3, ScaleDownOrder.Youngest);
        cluster.Settle();
        cluster.Fleet.Scale(2, ScaleDownOrder.Oldest);
        cluster.Settle();
        Assert.Equal(["leave 4", "leave 1"], cluster.Log.Skip(2));
        cluster.Fleet.Scale(3, ScaleDownOrder.Youngest);
        cluster.Settle();
        Assert.Equal("start 5 in 0", cluster.Log[^1]);
        Assert.Equal([0, 1, 2], cluster.Fleet.Slots.Select(slot => slot.Number).Order());
    }

    [Fact]
    public void Scaling_before_the_first_worker_is_up_starts_nobody_yet()
    {
        var cluster = Cluster(1);
        cluster.Fleet.StartFirst();
        cluster.Fleet.Scale(3, ScaleDownOrder.Youngest);
        cluster.Pass(10);
        Assert.Equal(["start 1 in 0"], cluster.Log);
        cluster.Up(1);
        cluster.Fleet.StartOthers();
        Assert.Equal(["start 1 in 0", "start 2 in 1", "start 3 in 2"], cluster.Log);
    }

    [Fact]
    public void An_empty_slot_goes_before_any_worker()
    {
        var cluster = Started(3);
        cluster.End(1); // Short-lived: its slot waits.
        cluster.Fleet.Scale(2, ScaleDownOrder.Youngest);
        cluster.Pass(60);
        Assert.Empty(cluster.Log);
        Assert.Equal([2, 3], cluster.Workers.Keys.Order());
    }

    [Fact]
    public void A_fleet_that_is_stopped_starts_nobody()
    {
        var cluster = Started(2, options => options.StandbyWorkers = 1);
        cluster.End(1);
        cluster.Fleet.Stop();
        cluster.End(2);
        cluster.End(3);
        cluster.Pass(1000);
        Assert.Equal(["admit 3 to 0"], cluster.Log);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_happens_the_number_of_workers_is_kept(int seed)
    {
        var random = new Random(seed);
        var cluster = Started(4, options => (options.StandbyWorkers, options.Restart.MaxRestarts) = (2, 1_000_000));
        cluster.BootAtOnce = true;
        var wanted = 4;
        for (var step = 0; step < 2000; step++)
        {
            switch (random.Next(6))
            {
                case 0 when cluster.Workers.Count > 0:
                    cluster.End(cluster.Workers.Keys.ElementAt(random.Next(cluster.Workers.Count)), WorkerExitCause.Crashed, random.Next(2));
                    break;
                case 1:
                    wanted = random.Next(1, 6);
                    cluster.Fleet.Scale(wanted, (ScaleDownOrder)random.Next(2));
                    break;
                case 2:
                    _ = cluster.Replacement.ReloadAsync();
                    break;
                default:
                    cluster.Pass(random.NextDouble() * 3);
                    break;
            }
            cluster.Settle();
            Assert.Equal(cluster.Fleet.Slots.Count, cluster.Fleet.Slots.Select(slot => slot.Number).Distinct().Count());
            Assert.InRange(cluster.Fleet.Slots.Count(slot => slot.Successor is not null), 0, 1);
            Assert.Equal(wanted, cluster.Fleet.Slots.Count);
        }
        cluster.Pass(600);
        Assert.Equal(wanted, cluster.Ready);
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Pass(60);
        Assert.True(cluster.Complete(reload).Succeeded);
        Assert.Equal(wanted + 2, cluster.Workers.Count);
        Assert.Single(cluster.Workers.Values.Select(worker => worker.Generation).Distinct());
    }

    private static FakeCluster Cluster(int workers) => new(new ClusterOptions { Workers = workers });

    private static FakeCluster Started(int workers, Action<ClusterOptions>? configure = null)
    {
        var options = new ClusterOptions { Workers = workers };
        configure?.Invoke(options);
        var cluster = new FakeCluster(options);
        cluster.Start();
        return cluster;
    }
}
