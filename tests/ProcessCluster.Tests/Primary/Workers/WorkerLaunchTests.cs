using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Workers;

/// <summary>What workers are started with.</summary>
public sealed class WorkerLaunchTests
{
    private const string SpinLimit = "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit";

    [Fact]
    public void Workers_that_share_processors_look_for_work_for_a_shorter_time() =>
        Assert.Equal("8", WorkerLaunch.For(new WorkerPlace(1, 0, 1), new ClusterOptions(), null).Environment[SpinLimit]);

    [Fact]
    public void The_users_own_spin_limit_wins()
    {
        var options = new ClusterOptions { Environment = { [SpinLimit] = "14" } };
        Assert.Equal("14", WorkerLaunch.For(new WorkerPlace(1, 0, 1), options, null).Environment[SpinLimit]);
        options.Environment[SpinLimit] = null;
        Assert.False(WorkerLaunch.For(new WorkerPlace(1, 0, 1), options, null).Environment.ContainsKey(SpinLimit));
    }

    [Fact]
    public void Variables_of_one_worker_win_over_those_of_all_and_these_over_the_primarys_own()
    {
        var options = new ClusterOptions { Environment = { ["A"] = "all", ["B"] = "all", ["HOME"] = null } };
        var environment = WorkerLaunch.For(new WorkerPlace(1, 0, 1), options, new Dictionary<string, string?> { ["B"] = "one" }).Environment;
        Assert.Equal(("all", "one"), (environment["A"], environment["B"]));
        Assert.False(environment.ContainsKey("HOME"));
        Assert.Equal(Environment.GetEnvironmentVariable("PATH"), environment["PATH"]);
    }

    [Fact]
    public void A_program_that_is_not_there_is_named()
    {
        var error = Assert.Throws<ClusterException>(() => WorkerLaunch.For(new WorkerPlace(1, 0, 1), new ClusterOptions { Executable = "no-such-program" }, null));
        Assert.Contains("no-such-program", error.Message, StringComparison.Ordinal);
        Assert.Contains("ClusterOptions.Executable", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, true, "", "")]
    [InlineData(4, false, "", "DOTNET_gcServer=0")]
    [InlineData(4, true, "", "DOTNET_gcServer=0 DOTNET_GCHeapHardLimitPercent=12")] // 18 %, hexadecimal
    [InlineData(100, true, "", "DOTNET_gcServer=0 DOTNET_GCHeapHardLimitPercent=1")]
    [InlineData(4, true, "DOTNET_gcServer=1 DOTNET_GCHeapHardLimit=10000000", "DOTNET_gcServer=1 DOTNET_GCHeapHardLimit=10000000")]
    [InlineData(4, true, "COMPlus_gcServer=1 COMPlus_GCHeapHardLimitPercent=20", "COMPlus_gcServer=1 COMPlus_GCHeapHardLimitPercent=20")]
    public void The_collector_of_workers_fits_their_number_and_what_is_set_wins(int workers, bool memoryIsLimited, string set, string expected)
    {
        var variables = set.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        WorkerLaunch.SetCollector(variables, workers, memoryIsLimited);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), variables.Select(v => $"{v.Key}={v.Value}").Order());
    }

    [Fact]
    public void Variables_of_a_slot_win_over_those_of_all()
    {
        var options = new ClusterOptions { Environment = { ["A"] = "all", ["DOTNET_gcServer"] = "1" } };
        options.SlotEnvironment[2] = new Dictionary<string, string?> { ["A"] = "third" };
        Assert.Equal("third", WorkerLaunch.For(new WorkerPlace(7, 2, 1), options, null).Environment["A"]);
        Assert.Equal("all", WorkerLaunch.For(new WorkerPlace(7, 1, 1), options, null).Environment["A"]);
        Assert.Equal("1", WorkerLaunch.For(new WorkerPlace(7, 1, 1), options, null).Environment["DOTNET_gcServer"]);
    }
}
