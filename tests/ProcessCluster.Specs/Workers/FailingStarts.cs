using System.Text.RegularExpressions;

namespace ProcessCluster.Specs;

/// <summary>Every step of a worker's start fails, with exceptions of whatever type.</summary>
public sealed class FailingStarts
{
    private const string Quick = "SoakTime 00:00:00.050 Restart:InitialDelay 00:00:00.050 Restart:MaxDelay 00:00:00.100 Restart:MaxRestarts 1000";

    public static TheoryData<string, string> Faults => new()
    {
        { "Preparing", nameof(InvalidOperationException) },
        { "Preparing", nameof(FileNotFoundException) },
        { "Preparing", nameof(ArgumentException) },
        { "Channels", nameof(IOException) },
        { "Memory", nameof(OutOfMemoryException) },
        { "Outputs", nameof(IOException) },
        { "Arming", nameof(UnauthorizedAccessException) },
        { "Spawning", nameof(NotSupportedException) },
        { "Spawning", nameof(ClusterException) },
        { "Tying", nameof(IOException) },
        { "Watching", nameof(InvalidOperationException) },
        { "Pinning", nameof(ArgumentOutOfRangeException) },
        { "Linking", nameof(OutOfMemoryException) },
        { "PassingOn", nameof(IOException) },
        { "Seating", nameof(KeyNotFoundException) },
        { "Registering", nameof(IOException) },
        { "Timing", nameof(ObjectDisposedException) },
        { "Reading", nameof(OutOfMemoryException) },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_step_that_fails_is_a_failed_start_that_is_tried_again(string step, string exception)
    {
        await using var fleet = await FleetSpecs.Started(2, Quick);
        var descriptors = Channels(fleet.Cluster.Id);

        // A reload tells why, and changes nothing.
        fleet.Cluster.Send($"fault {step} {exception} 1");
        var before = await fleet.Workers();
        var result = await fleet.Reload();
        Assert.StartsWith("succeeded=False generation=2 replaced=0 worker=0 ", result, StringComparison.Ordinal);
        Assert.Contains("on purpose", result, StringComparison.Ordinal);
        Assert.Equal(before, await fleet.Workers());

        // A lost worker's slot is filled after some attempts, each with its reason in the log.
        fleet.Cluster.Send($"fault {step} {exception} 3");
        await fleet.Kill(0);
        await fleet.Cluster.ExpectAll("^listening ", 3);
        Assert.Equal(3, Regex.Count(fleet.Cluster.Errors, "Slot 0: no worker could be started.*on purpose"));

        // Whoever scales is told, and gets the worker all the same.
        fleet.Cluster.Send($"fault {step} {exception} 1");
        fleet.Cluster.Send("scale 3");
        await fleet.Cluster.Expect("^failed ClusterStartException: The cluster could not be scaled to 3: .*on purpose");
        await fleet.Cluster.ExpectAll("^listening ", 4);

        // Whoever forks gets the exception.
        fleet.Cluster.Send($"fault {step} {exception} 1");
        fleet.Cluster.Send("fork idle");
        await fleet.Cluster.Expect($"^failed (ClusterException|{exception}): .*on purpose");

        fleet.Cluster.Send("no-faults");
        fleet.Cluster.Send("scale 2");
        await fleet.Cluster.Expect("^scaled to 2");
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        await Wait.Until(() => fleet.Cluster.Descendants.Count == 2 && Channels(fleet.Cluster.Id) == descriptors, "Processes or descriptors are left.");
        Assert.DoesNotContain("Please report it", fleet.Cluster.Errors, StringComparison.Ordinal);
    }

    /// <summary>The pipes, sockets and process descriptors; not the files, which the runtime opens to say where in the code an exception was thrown.</summary>
    private static int Channels(int process) =>
        Directory.GetFiles($"/proc/{process}/fd").Count(file => new FileInfo(file).LinkTarget is { } target && !Path.IsPathRooted(target));

    [Fact]
    public async Task A_worker_that_cannot_be_greeted_is_a_failed_boot_with_the_reason()
    {
        await using var fleet = await FleetSpecs.Started(2, Quick);
        fleet.Cluster.Send("fault Greeting InvalidOperationException 1");
        var result = await fleet.Reload();
        Assert.StartsWith("succeeded=False generation=2 replaced=0 worker=3 cause=FailedAtBoot", result, StringComparison.Ordinal);
        await fleet.Cluster.ExpectError("worker 3 .*was cut off: .*on purpose");
        fleet.Cluster.Send("fault Greeting OutOfMemoryException 2");
        await fleet.Kill(1);
        await fleet.Cluster.ExpectAll("^listening ", 3);
        Assert.Equal([0, 1], (await fleet.Workers()).Keys.Order());
    }

    [Fact]
    public async Task The_first_worker_s_failure_is_that_of_the_start()
    {
        await using var fleet = FleetSpecs.Configured(2, Quick);
        fleet.Cluster.Send("fault Registering InvalidOperationException 1");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^failed ClusterException: .*InvalidOperationException: on purpose");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started at ");
    }

    [Fact]
    public async Task A_standby_worker_that_cannot_be_started_is_tried_again()
    {
        await using var fleet = FleetSpecs.Configured(1, $"StandbyWorkers 1 {Quick}");
        fleet.Cluster.Send("start");
        await fleet.Cluster.ExpectAll("^listening ", 2);
        fleet.Cluster.Send("fault Watching NotSupportedException 1");
        await fleet.Kill(0);
        await fleet.Cluster.ExpectAll("^listening ", 3);
    }

    [Theory]
    [InlineData("Tying")]
    [InlineData("Watching")]
    [InlineData("Reading")]
    public async Task A_worker_that_is_ready_before_its_primary_goes_on_lives(string step)
    {
        await using var fleet = await FleetSpecs.Started(1, Quick);
        var mark = Path.Combine(fleet.Folder, "mark");
        fleet.SetVersion($"marks {mark}");
        fleet.Cluster.Send($"stall {step} {mark}");
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        Assert.Equal(0, fleet.Cluster.Count("^exited 2 "));
    }

    [Theory]
    [InlineData("Tying")]
    [InlineData("Watching")]
    public async Task A_primary_that_is_killed_in_the_middle_of_a_start_leaves_no_worker(string step)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"stall {step} /never");
        cluster.Send("&fork idle");
        await cluster.Expect("^stalls at ");
        cluster.Signal(Signal.SIGKILL);
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(20));
    }
}
