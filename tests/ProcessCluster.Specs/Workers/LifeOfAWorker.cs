using System.Globalization;

namespace ProcessCluster.Specs;

/// <summary>Fork, online, listening, disconnected, exited: what the primary sees of a worker.</summary>
public sealed class LifeOfAWorker
{
    [Fact]
    public async Task Ids_count_from_one_and_are_never_used_again()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork exit CODE=0");
        await cluster.Expect("^exited 1 ");
        cluster.Send("fork idle");
        cluster.Send("fork idle");
        await cluster.Expect("^online 3$");
        Assert.Equal(1, cluster.Count("^forked 1 "));
        Assert.Equal(1, cluster.Count("^forked 2 "));
    }

    [Theory]
    [InlineData("exit CODE=42", "Crashed code=42 signal= asked=False")]
    [InlineData("exit CODE=0", "Completed code=0 signal= asked=False")]
    [InlineData("throw", "code= signal=SIGABRT asked=False")]
    public async Task An_exit_tells_the_code_or_the_signal_and_the_cause(string role, string exit)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork {role}");
        Assert.Contains(exit, (await cluster.Expect("^exited 1 .*")).Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handlers_that_are_attached_after_the_fork_miss_nothing_however_soon_it_ends()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork-late exit 5");
        await cluster.Expect("^late exited 1 5$");
        var order = (await cluster.ExpectAll("^late (.*)$", 4)).Select(match => match.Groups[1].Value);
        Assert.Equal(["disconnected 1", "exited 1 5", "forked 1", "online 1"], order.Order());
    }

    [Fact]
    public async Task A_worker_killed_from_outside_has_crashed_by_SIGKILL()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork idle");
        await cluster.Expect("^online 1$");
        var id = int.Parse((await cluster.Expect(@"^forked 1 (\d+)$")).Groups[1].Value, CultureInfo.InvariantCulture);
        TestProcess.SendSignal(id, Signal.SIGKILL);
        var exit = await cluster.Expect("^exited 1 .*");
        Assert.Equal(
            "exited 1 Crashed code= signal=SIGKILL asked=False: crashed, SIGKILL (9): killed from outside, perhaps by the system for want of memory",
            exit.Value);
    }

    [Fact]
    public async Task A_worker_that_does_not_leave_in_time_is_killed()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure DrainTimeout 00:00:03");
        cluster.Send("fork stubborn");
        await cluster.Expect("^stubborn$");
        await cluster.Expect("^online 1$"); // Before the primary has heard of it, it is killed instead of asked.
        cluster.Send("disconnect 1");
        var exit = await cluster.Expect("^exited 1 .*", TimeSpan.FromSeconds(5));
        Assert.Contains("KilledLate code= signal=SIGKILL asked=True", exit.Value, StringComparison.Ordinal);
        await cluster.Expect("^asked and not leaving$");
    }

    [Fact]
    public async Task A_program_that_never_says_hello_is_killed_at_the_boot_deadline()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure BootTimeout 00:00:01");
        cluster.Send("fork boot-slowly");
        var exit = await cluster.Expect("^exited 1 .*", TimeSpan.FromSeconds(5));
        Assert.Contains("FailedAtBoot code= signal=SIGKILL", exit.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_can_leave_by_its_own_wish()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork leave");
        await cluster.Expect("^left, connected=False state=Disconnected$");
        var exit = await cluster.Expect("^exited 1 .*");
        Assert.Contains("code=7 signal= asked=True", exit.Value, StringComparison.Ordinal);
        Assert.Equal(1, cluster.Count("^disconnected 1$"));
    }

    [Fact]
    public async Task SIGTERM_to_a_worker_that_watches_for_it_makes_it_leave()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork idle");
        await cluster.Expect("^online 1$");
        var id = int.Parse((await cluster.Expect(@"^forked 1 (\d+)$")).Groups[1].Value, CultureInfo.InvariantCulture);
        await cluster.Expect("^idle 1$"); // From here on its program watches for SIGTERM.
        TestProcess.SendSignal(id, Signal.SIGTERM);
        Assert.Contains("Requested code=0 signal= asked=True", (await cluster.Expect("^exited 1 .*")).Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disconnect_completes_when_the_last_worker_is_gone()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure DrainTimeout 00:00:02");
        cluster.Send("fork idle");
        cluster.Send("fork stubborn");
        cluster.Send("fork idle");
        await cluster.Expect("^stubborn$");
        await cluster.Expect("^online 1$"); // Before the primary has heard of it, it is killed instead of asked.
        await cluster.Expect("^online 3$");
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$", TimeSpan.FromSeconds(8));
        Assert.Equal(3, cluster.Count("^exited "));

        // And the cluster can be used again.
        cluster.Send("fork idle");
        await cluster.Expect("^online 4$");
    }

    [Fact]
    public async Task Nothing_can_be_forked_while_the_cluster_is_being_disconnected()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure DrainTimeout 00:01:00");
        cluster.Send("fork stubborn");
        await cluster.Expect("^stubborn$");
        await cluster.Expect("^online 1$"); // Before the primary has heard of it, it is killed instead of asked.
        var worker = await cluster.ProcessOf(1);
        cluster.Send("&disconnect");
        await cluster.Expect("^asked and not leaving$");
        cluster.Send("fork idle");
        await cluster.Expect("^failed InvalidOperationException: The cluster is being disconnected");
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        await cluster.Expect("^all gone, 0 left$");
        Assert.Equal(0, cluster.Count("^forked 2 "));
    }
}
