using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace ProcessCluster.Conformance;

/// <summary>States, events and ends of one worker.</summary>
public sealed partial class LivesOfWorkers
{
    /// <summary>
    /// Adapted: events are raised on the thread pool, so the state is asked for when nothing more happens. Of what is told of a listener,
    /// address, port and family are the end point.
    /// </summary>
    [Fact]
    public async Task cluster_basic__events_come_in_order_with_their_worker_and_states_follow_them()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        await cluster.Expect(@"^forked 1 \d+$");
        await ExpectState(cluster, "Online connected=True dead=False asked=False there=True");
        var port = await cluster.Listen(1);
        await cluster.Expect("^cluster listening ");
        await ExpectState(cluster, "Listening connected=True dead=False asked=False there=True");
        cluster.Tell(1, "return 0");
        await cluster.Expect("^cluster exited 1 ");
        await ExpectState(cluster, "Dead connected=False dead=True asked=False there=False");

        Assert.Equal(
            ["own online", "cluster online", "own listening", "cluster listening", "own disconnected", "cluster disconnected", "own exited", "cluster exited"],
            cluster.Output.Split(Environment.NewLine).Select(line => Event().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value));
        await cluster.Expect($"^own listening {port} Stream 1 ");
        await cluster.Expect($"^cluster listening {port} Stream 1 ");
        await cluster.Expect("^exited 1 Completed code=0 signal= asked=False");
    }

    [Fact]
    public async Task cluster_basic__the_marker_in_the_environment_is_gone_when_the_program_runs()
    {
        await using var cluster = await Puppets.Start(1);
        cluster.Tell(1, "environment PROCESSCLUSTER_WORKER");
        await cluster.Expect("^worker 1 has PROCESSCLUSTER_WORKER=nothing ");
    }

    /// <summary>Adapted: with SIGKILL, as a program that is leaving has taken over SIGTERM.</summary>
    [Fact]
    public async Task cluster_call_and_destroy__the_primary_can_kill_a_worker_that_has_disconnected_itself()
    {
        using var peer = new TcpListener(IPAddress.Loopback, 0);
        peer.Start();
        await using var cluster = await Puppets.Start(1, "when-disconnected kill");
        cluster.Tell(1, $"connect {peer.LocalEndpoint}"); // What it lives on for.
        cluster.Tell(1, "leave");
        await cluster.Expect(@"^killed 1 Disconnected connected=False dead=False asked=True$");
        await cluster.ExitOf(1);
        cluster.AssertEndedOnce(1);
    }

    /// <summary>Adapted: in a worker, SIGTERM means to leave; there is no other <c>kill()</c>.</summary>
    [Theory]
    [InlineData("leave")]
    [InlineData("kill SIGTERM")]
    public async Task cluster_kill_disconnect__a_worker_that_disconnects_or_kills_itself_is_told_once_and_was_asked(string order)
    {
        await using var cluster = await Puppets.Start(1, "watch");
        cluster.Tell(1, order);
        await cluster.ExpectLeft(1);
        Assert.Equal(1, cluster.Count("^own disconnected 1 .* asked=True"));
        Assert.Equal(1, cluster.Count("^cluster disconnected 1 .* asked=True"));
        await cluster.Expect("^cluster exited 1 .* asked=True");
        Assert.Equal(1, cluster.Count("^own exited 1 .* asked=True"));
    }

    [Fact]
    public async Task cluster_kill_infinite_loop__SIGTERM_ends_a_worker_that_spins()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork spin");
        await cluster.Expect("^spinning$");
        cluster.Send("kill 1 SIGTERM");
        Assert.StartsWith("Killed code= signal=SIGTERM asked=False", await cluster.ExitOf(1), StringComparison.Ordinal);
        cluster.AssertEndedOnce(1);
    }

    /// <summary>Adapted: a worker's way to close the link is to disconnect itself.</summary>
    [Fact]
    public async Task cluster_process_disconnect__a_listening_worker_that_closes_its_link_ends_with_code_0()
    {
        await using var cluster = await Puppets.Start(1);
        await cluster.Listen(1);
        cluster.Tell(1, "leave");
        await cluster.ExpectLeft(1);
    }

    [Fact]
    public async Task cluster_worker_death__the_exit_code_is_told_on_the_worker_and_on_the_cluster()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        cluster.Tell(1, "exit 42");
        Assert.StartsWith("Crashed code=42 signal= asked=False", await cluster.ExitOf(1), StringComparison.Ordinal);
        await cluster.Expect("^cluster exited 1 ");
        Assert.Equal(1, cluster.Count("^own exited 1 "));
        Assert.Equal(1, cluster.Count("^cluster exited 1 "));
    }

    [Theory]
    [InlineData("kill SIGTERM")]
    [InlineData("leave-and-kill SIGTERM")]
    public async Task cluster_worker_destroy__before_and_after_a_disconnect_both_events_come_once(string order)
    {
        await using var cluster = await Puppets.Start(1, "watch");
        await cluster.Listen(1);
        cluster.Tell(1, order);
        await cluster.ExpectLeft(1);
        await cluster.Expect("^cluster exited 1 ");
        Assert.Equal(1, cluster.Count("^own disconnected 1 "));
        Assert.Equal(1, cluster.Count("^cluster disconnected 1 "));
        Assert.Equal(1, cluster.Count("^own exited 1 "));
    }

    /// <summary>Adapted: what the worker sees of it is <c>Stopping</c>; the call completes when the process is gone.</summary>
    [Fact]
    public async Task cluster_worker_disconnect__the_worker_sees_it_and_both_events_tell_that_it_was_asked()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        await cluster.Listen(1);
        cluster.Send("disconnect 1");
        await cluster.Expect("^gone 1$");
        await cluster.ExpectLeft(1);
        await cluster.Expect("^worker 1 shall leave$");
        await cluster.Expect("^own disconnected 1 (Disconnected|Dead) connected=False .* asked=True");
        await cluster.Expect("^cluster disconnected 1 (Disconnected|Dead) connected=False .* asked=True");
        await cluster.Expect("^own exited 1 Dead connected=False dead=True asked=True");
        await cluster.Expect("^cluster exited 1 Dead connected=False dead=True asked=True");
    }

    [Fact]
    public async Task cluster_worker_exit__a_listening_worker_that_ends_was_not_asked_and_its_process_is_gone()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        await cluster.Listen(1);
        cluster.Tell(1, "exit 42");
        Assert.StartsWith("Crashed code=42 signal= asked=False", await cluster.ExitOf(1), StringComparison.Ordinal);
        cluster.AssertEndedOnce(1);
        await cluster.Expect("^cluster disconnected 1 (Disconnected|Dead) connected=False .* asked=False");
        Assert.False(Directory.Exists($"/proc/{await cluster.ProcessOf(1)}"));
    }

    /// <summary>
    /// Adapted: the primary's end is the end of all its workers, within a second, of those too that had disconnected themselves. These run on
    /// as long as the primary does.
    /// </summary>
    [Fact]
    public async Task cluster_worker_forced_exit__without_its_primary_a_worker_ends_and_one_that_has_disconnected_itself_runs_on_until_then()
    {
        using var peer = new TcpListener(IPAddress.Loopback, 0);
        peer.Start();
        await using var cluster = await Puppets.Start(2);
        await cluster.Listen(1);
        cluster.Tell(2, $"connect {peer.LocalEndpoint}");
        cluster.Tell(2, "leave");
        await cluster.Expect("^disconnected 2$");
        Assert.Contains(await cluster.ProcessOf(2), cluster.Descendants);
        cluster.Signal(Signal.SIGKILL);
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task cluster_worker_init__a_message_that_is_sent_when_the_worker_is_online_is_not_lost()
    {
        await using var cluster = await Puppets.Start(1, "when-online send");
        await cluster.Expect("^worker 1 got welcome 1 from 0$");
    }

    [Fact]
    public async Task cluster_worker_isconnected__it_is_from_the_fork_on_and_no_more_when_disconnected_is_raised()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("watch");
        cluster.Send("fork-and-look");
        await cluster.Expect("^new 1 Starting connected=True ");
        await cluster.Expect("^worker 1 is ready, connected=True ");
        cluster.Tell(1, "leave");
        await cluster.Expect("^worker 1 disconnected, connected=False ");
        await cluster.Expect("^own disconnected 1 .* connected=False ");
        await cluster.Expect("^cluster disconnected 1 .* connected=False ");
    }

    [Fact]
    public async Task cluster_worker_isdead__it_is_not_until_exited_is_raised()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("watch");
        cluster.Send("fork-and-look");
        await cluster.Expect("^new 1 Starting connected=True dead=False ");
        await cluster.Expect("^worker 1 is ready, connected=True dead=False ");
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^own exited 1 .* dead=True ");
        await cluster.Expect("^cluster exited 1 .* dead=True ");
    }

    [Fact]
    public async Task cluster_worker_kill_signal__Kill_with_SIGKILL_is_told_with_the_signal_and_nobody_was_asked()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^cluster exited 1 Dead connected=False dead=True asked=False there=False$");
        Assert.StartsWith("Killed code= signal=SIGKILL asked=False", await cluster.ExitOf(1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task cluster_worker_kill__a_SIGKILL_from_outside_is_told_once_and_nobody_was_asked()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        await cluster.Listen(1);
        TestProcess.SendSignal(await cluster.ProcessOf(1), Signal.SIGKILL);
        await cluster.Expect("^cluster exited 1 Dead connected=False dead=True asked=False there=False$");
        Assert.StartsWith("Crashed code= signal=SIGKILL asked=False", await cluster.ExitOf(1), StringComparison.Ordinal);
        cluster.AssertEndedOnce(1);
        Assert.Equal(1, cluster.Count("^own exited 1 "));
        Assert.Equal(1, cluster.Count("^cluster exited 1 "));
    }

    private static async Task ExpectState(TestProcess cluster, string state)
    {
        var before = cluster.Count("^state 1 ");
        cluster.Send("state 1");
        Assert.Equal($"state 1 {state}", (await cluster.ExpectAll("^state 1 .*", before + 1))[before].Value);
    }

    [GeneratedRegex(@"^((own|cluster) \w+) ")]
    private static partial Regex Event();
}
