using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Fleet;

/// <summary>Reloads and recycling, without processes.</summary>
public sealed class RollingReplacementTests
{
    [Fact]
    public void A_reload_replaces_one_after_another_and_never_has_fewer_ready()
    {
        var cluster = Started(3);
        cluster.BootAtOnce = true;
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Pass(10);
        var result = cluster.Complete(reload);
        Assert.True(result.Succeeded);
        Assert.Equal((2, 3), (result.Generation, result.Replaced));
        Assert.Equal(
            ["start 4 in 0", "admit 4 to 0", "leave 1", "start 5 in 1", "admit 5 to 1", "leave 2", "start 6 in 2", "admit 6 to 2", "leave 3"], cluster.Log);
        Assert.Equal(3, cluster.FewestReady);
        Assert.InRange(cluster.MostAlive, 4, 5); // The next one may boot while the last one drains.
        Assert.All(cluster.Workers.Values, worker => Assert.Equal(2, worker.Generation));
    }

    [Fact]
    public void A_new_worker_serves_for_the_soak_time_before_an_old_one_leaves()
    {
        var cluster = Started(1, options => options.SoakTime = TimeSpan.FromSeconds(5));
        cluster.Replacement.ReloadAsync();
        cluster.Pass(3);
        cluster.Up(2);
        cluster.Pass(4.9);
        Assert.Equal(["start 2 in 0", "admit 2 to 0"], cluster.Log);
        cluster.Pass(0.2);
        Assert.Equal("leave 1", cluster.Log[^1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_new_worker_that_ends_ends_the_reload_and_the_old_ones_stay(bool inItsSoak)
    {
        var cluster = Started(3);
        var reload = cluster.Replacement.ReloadAsync();
        if (inItsSoak)
        {
            cluster.Up(4);
            cluster.Pass(0.5);
        }
        cluster.End(4, inItsSoak ? WorkerExitCause.Crashed : WorkerExitCause.FailedAtBoot, 17);
        var result = cluster.Complete(reload);
        Assert.False(result.Succeeded);
        Assert.Equal((4, 17, 0), (result.Failure!.WorkerId, result.Failure.Exit!.ExitCode, result.Replaced));
        Assert.Equal(["its last line"], result.Failure.LastErrors);
        cluster.Pass(1000);
        Assert.Equal([1, 2, 3], cluster.Workers.Keys.Order());
        Assert.DoesNotContain(cluster.Log, line => line.StartsWith("leave", StringComparison.Ordinal));

        // What is healed after that is of the generation that serves.
        cluster.End(1);
        Assert.Equal(1, cluster.Workers[5].Generation);
    }

    [Fact]
    public void A_worker_that_does_not_pass_its_probe_gets_no_connection_and_leaves()
    {
        var cluster = new FakeCluster(new ClusterOptions { Workers = 2 }, probe: (_, _) => Task.FromException(new InvalidDataException("wrong answer")));
        cluster.Start();
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Up(3);
        var result = cluster.Complete(reload);
        Assert.Contains("did not pass its probe (InvalidDataException: wrong answer)", result.Failure!.Reason, StringComparison.Ordinal);
        Assert.Equal(["start 3 in 0", "leave 3"], cluster.Log);
    }

    [Fact]
    public void A_probe_has_a_deadline_and_its_worker_may_end()
    {
        var cluster = new FakeCluster(new ClusterOptions { Workers = 1 }, probe: (_, token) => Task.Delay(Timeout.Infinite, token));
        cluster.Start();
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Up(2);
        cluster.Pass(59);
        Assert.False(reload.IsCompleted);
        cluster.Pass(2);
        Assert.Contains("was not through its probe within 00:01:00", cluster.Complete(reload).Failure!.Reason, StringComparison.Ordinal);

        reload = cluster.Replacement.ReloadAsync();
        cluster.Up(3);
        cluster.End(3);
        Assert.Contains("ended while it was probed", cluster.Complete(reload).Failure!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reload_that_fails_later_keeps_what_was_replaced()
    {
        var cluster = Started(3);
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Up(4);
        cluster.Pass(2);
        cluster.End(5, WorkerExitCause.FailedAtBoot);
        var result = cluster.Complete(reload);
        Assert.Equal((false, 1), (result.Succeeded, result.Replaced));
        Assert.Equal([2, 3, 4], cluster.Workers.Keys.Order());
        Assert.Equal(3, cluster.FewestReady);
    }

    [Fact]
    public void Calls_during_a_reload_share_the_next_one_and_there_are_two_generations_at_most()
    {
        var cluster = Started(2);
        cluster.BootAtOnce = true;
        var first = cluster.Replacement.ReloadAsync();
        cluster.Settle();
        var later = Enumerable.Range(0, 1000).Select(_ => cluster.Replacement.ReloadAsync()).ToList();
        Assert.Single(later.Distinct());
        for (var i = 0; i < 100; i++)
        {
            cluster.Pass(0.1);
            Assert.InRange(cluster.Workers.Values.Select(worker => worker.Generation).Distinct().Count(), 1, 2);
        }
        Assert.Equal((2, 3), (cluster.Complete(first).Generation, cluster.Complete(later[0]).Generation));
        Assert.Equal([3], cluster.Workers.Values.Select(worker => worker.Generation).Distinct());
    }

    [Fact]
    public void The_next_reload_waits_until_the_old_workers_are_gone()
    {
        var cluster = Started(1);
        (cluster.BootAtOnce, cluster.LeaveAtOnce) = (true, false);
        var first = cluster.Replacement.ReloadAsync();
        var second = cluster.Replacement.ReloadAsync();
        cluster.Pass(100);
        Assert.False(first.IsCompleted);
        Assert.Equal(2, cluster.Workers.Count);
        cluster.End(1, WorkerExitCause.Requested, 0);
        cluster.Complete(first);
        cluster.Pass(5);
        cluster.End(2, WorkerExitCause.Requested, 0);
        Assert.True(cluster.Complete(second).Succeeded);
    }

    [Fact]
    public void A_reload_that_is_asked_for_while_the_cluster_starts_waits_for_the_first_worker()
    {
        var cluster = new FakeCluster(new ClusterOptions { Workers = 2 });
        cluster.Fleet.StartFirst();
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Pass(10);
        Assert.Equal(["start 1 in 0"], cluster.Log);
        cluster.BootAtOnce = true;
        cluster.Up(1);
        cluster.Fleet.StartOthers();
        cluster.Pass(10);
        Assert.True(cluster.Complete(reload).Succeeded);
        Assert.All(cluster.Workers.Values, worker => Assert.Equal(2, worker.Generation));
    }

    [Fact]
    public void A_reload_fills_slots_that_rest()
    {
        var cluster = Started(2);
        cluster.End(1, WorkerExitCause.Crashed, RestartOptions.ConfigurationErrorExitCode);
        cluster.BootAtOnce = true;
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Pass(10);
        Assert.True(cluster.Complete(reload).Succeeded);
        Assert.Equal(2, cluster.Ready);
    }

    [Fact]
    public void An_old_worker_that_dies_during_the_reload_is_not_replaced_twice()
    {
        var cluster = Started(2);
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Pass(100);
        cluster.End(1);
        cluster.Pass(100);
        Assert.Equal(["start 3 in 0"], cluster.Log);
        cluster.End(3, WorkerExitCause.FailedAtBoot); // Now it is healed as ever.
        Assert.False(cluster.Complete(reload).Succeeded);
        cluster.Pass(1);
        Assert.Equal(["start 3 in 0", "start 4 in 0"], cluster.Log);
    }

    [Fact]
    public void A_reload_during_which_the_cluster_is_stopped_says_so()
    {
        var cluster = Started(2);
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Fleet.Stop();
        cluster.Replacement.Stop();
        foreach (var id in cluster.Workers.Keys.ToList())
            cluster.End(id, WorkerExitCause.Requested, 0);
        Assert.Equal("the cluster was stopped", cluster.Complete(reload).Failure!.Reason);
        Assert.Equal("the cluster was stopped", cluster.Complete(cluster.Replacement.ReloadAsync()).Failure!.Reason);
    }

    [Fact]
    public void Standby_workers_are_of_the_new_generation_after_a_reload()
    {
        var cluster = Started(1, options => options.StandbyWorkers = 2);
        cluster.BootAtOnce = true;
        var reload = cluster.Replacement.ReloadAsync();
        cluster.Pass(10);
        Assert.True(cluster.Complete(reload).Succeeded);
        Assert.Equal(2, cluster.Fleet.Standby.Count);
        Assert.All(cluster.Workers.Values, worker => Assert.Equal(2, worker.Generation));
    }

    [Fact]
    public void Workers_that_are_due_are_recycled_one_at_a_time_the_new_one_first()
    {
        var cluster = Started(8, options => (options.Recycle.MaxRequests, options.Recycle.Jitter) = (1000, 0));
        (cluster.BootAtOnce, cluster.LeaveAtOnce) = (true, false);
        foreach (var worker in cluster.Workers.Values)
            worker.Load = new WorkerLoad(1000, 0, default, 0);
        for (var id = 1; id <= 8; id++)
        {
            for (var second = 0; second < 5; second++)
            {
                cluster.Replacement.Sample();
                cluster.Pass(1);
            }
            Assert.Equal(9, cluster.Workers.Count);
            Assert.Equal($"leave {id}", cluster.Log[^1]);
            cluster.End(id, WorkerExitCause.Recycled, 0);
        }
        Assert.Equal(8, cluster.FewestReady);
        cluster.Replacement.Sample();
        cluster.Pass(10);
        Assert.Equal(Enumerable.Range(9, 8), cluster.Workers.Keys.Order());
    }

    [Fact]
    public void A_worker_whose_replacement_fails_stays_and_is_tried_again_later()
    {
        var cluster = Started(1, options => options.Recycle.MaxMemory = 100 << 20);
        cluster.Workers[1].Load = new WorkerLoad(0, 0, default, 200 << 20);
        cluster.Replacement.Sample();
        cluster.End(2, WorkerExitCause.FailedAtBoot);
        cluster.Replacement.Sample();
        cluster.Pass(59);
        cluster.Replacement.Sample();
        Assert.Equal(["start 2 in 0"], cluster.Log);
        cluster.Pass(2);
        cluster.Replacement.Sample();
        Assert.Equal(["start 2 in 0", "start 3 in 0"], cluster.Log);
    }

    [Fact]
    public void All_workers_are_recycled_when_a_time_of_the_schedule_passes()
    {
        var cluster = Started(2, options => options.Recycle.Schedule.Add(new TimeOnly(12, 30)));
        cluster.BootAtOnce = true;
        for (var minute = 0; minute < 40; minute++)
        {
            cluster.Pass(60);
            cluster.Replacement.Sample();
            if (minute < 28)
                Assert.Empty(cluster.Log);
        }
        Assert.Equal([3, 4], cluster.Workers.Keys.Order());
    }

    private static FakeCluster Started(int workers, Action<ClusterOptions>? configure = null)
    {
        var options = new ClusterOptions { Workers = workers };
        configure?.Invoke(options);
        var cluster = new FakeCluster(options);
        cluster.Start();
        return cluster;
    }
}
