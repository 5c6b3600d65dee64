using ProcessCluster.Platform;
using ProcessCluster.Primary.Supervision;

namespace ProcessCluster.Tests.Primary.Supervision;

/// <summary>What workers are started with.</summary>
public sealed class WorkerStartTests
{
    private const string SpinLimit = "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit";

    [Fact]
    public void Workers_that_share_processors_look_for_work_for_a_shorter_time() =>
        Assert.Equal("8", WorkerStart.For(new WorkerPlace(1, 0, 1), new ClusterOptions(), null).Environment[SpinLimit]);

    [Fact]
    public void The_users_own_spin_limit_wins()
    {
        var options = new ClusterOptions { Environment = { [SpinLimit] = "14" } };
        Assert.Equal("14", WorkerStart.For(new WorkerPlace(1, 0, 1), options, null).Environment[SpinLimit]);
        options.Environment[SpinLimit] = null;
        Assert.False(WorkerStart.For(new WorkerPlace(1, 0, 1), options, null).Environment.ContainsKey(SpinLimit));
    }

    [Fact]
    public void Variables_of_one_worker_win_over_those_of_all_and_these_over_the_primarys_own()
    {
        var options = new ClusterOptions { Environment = { ["A"] = "all", ["B"] = "all", ["HOME"] = null } };
        var environment = WorkerStart.For(new WorkerPlace(1, 0, 1), options, new Dictionary<string, string?> { ["B"] = "one" }).Environment;
        Assert.Equal(("all", "one"), (environment["A"], environment["B"]));
        Assert.False(environment.ContainsKey("HOME"));
        Assert.Equal(Environment.GetEnvironmentVariable("PATH"), environment["PATH"]);
    }

    [Fact]
    public void A_program_that_is_not_there_is_named()
    {
        var error = Assert.Throws<ClusterException>(() => WorkerStart.For(new WorkerPlace(1, 0, 1), new ClusterOptions { Executable = "no-such-program" }, null));
        Assert.Contains("no-such-program", error.Message, StringComparison.Ordinal);
        Assert.Contains("ClusterOptions.Executable", error.Message, StringComparison.Ordinal);
    }
}
