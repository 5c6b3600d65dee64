namespace ProcessCluster.Specs;

/// <summary>Primaries that were started from a terminal: what it sends is no order, and its end is theirs.</summary>
public sealed class Terminals
{
    private const string Configure = "configure Workers 2 DrainTimeout 00:00:10 Environment:ROLE echo SoakTime 00:00:00.050";

    private const string UntilItEnds = "while kill -0 $job 2>/dev/null; do sleep 0.1; done";

    [Fact]
    public async Task A_background_job_that_reads_its_terminal_is_stopped_as_any_program_and_loses_no_worker()
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start($"$APP driver <&3 & job=$!; {UntilItEnds}");
        var primary = await StartAsync(cluster);
        cluster.Send("read-terminal");
        await Wait.Until(() => StateOf(primary) == "T", cluster.Describe());
        Assert.Equal(2, cluster.Count("^forked "));
        Assert.Equal(0, cluster.Count("^exited "));
        TestProcess.SendSignal(primary, Signal.SIGKILL); // Continued, it would be stopped again.
        await cluster.Exit();
    }

    [Fact]
    public async Task The_terminals_signals_for_another_process_of_the_job_are_no_orders()
    {
        var go = Path.Combine(Directory.CreateTempSubdirectory().FullName, "go");
        using var terminal = new Terminal();
        await using var cluster = terminal.Start(
            $"sh -c '(until test -e $GO; do sleep 0.1; done; exec cat </dev/tty) & echo other $!; exec $APP driver <&3 5<$PTY' & job=$!; {UntilItEnds}", ("GO", go));
        var other = FleetSpecs.Number(await cluster.Expect(@"^other (\d+)$"), 1);
        await StartAsync(cluster);
        await File.WriteAllTextAsync(go, "");
        await Wait.Until(() => StateOf(other) == "T", "It reads, and is stopped; whoever is in its group is told so too.");
        await cluster.ExpectError("SIGTTIN is not taken for an order to scale: this process is in the background of a terminal");
        Assert.Equal(2, cluster.Count("^forked "));
        TestProcess.SendSignal(other, Signal.SIGKILL);
        await EndAsync(cluster);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5<$PTY")]
    public async Task Somebodys_signals_scale_a_background_job(string open)
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start($"$APP driver <&3 {open} & wait");
        var primary = await StartAsync(cluster);
        TestProcess.SendSignal(primary, Signal.SIGTTIN);
        await cluster.ExpectAll("^listening ", 3);
        TestProcess.SendSignal(primary, Signal.SIGTTOU);
        await cluster.Expect("^exited 3 Requested");
        await EndAsync(cluster);
    }

    [Fact]
    public async Task Workers_write_to_a_terminal_that_stops_other_background_processes()
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start("stty tostop; $APP driver <&3 >$PTY");
        cluster.Send(Configure);
        cluster.Send("start");
        await terminal.Expect(@"serving \S+ \d+");
        await terminal.Expect("started at ");
        TestProcess.SendSignal(FleetSpecs.Number(await terminal.Expect(@"primary (\d+)"), 1), Signal.SIGTERM);
        await terminal.Expect("bye");
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData("start")]
    [InlineData("fork idle")]
    public async Task A_primary_whose_terminal_closes_ends_in_order(string how)
    {
        var (result, exit) = (Path.GetTempFileName(), "");
        using var terminal = new Terminal();
        await using (var cluster = terminal.Start($"$APP driver <&3 & job=$!; {Terminal.TellsItsJob}; wait; wait; wait", ("RESULT", result)))
        {
            cluster.Send(Configure);
            cluster.Send(how);
            await cluster.Expect(how == "start" ? "^started at " : "^idle 1");
            terminal.Close();
            await cluster.Expect("^bye");
            Assert.Equal(how == "start" ? 2 : 1, cluster.Count("^exited .* Requested code=0"));
            await Wait.Until(() => (exit = File.ReadAllText(result).Trim()) != "", cluster.Describe());
            await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(10));
        }
        Assert.Equal("0", exit);
        File.Delete(result);
    }

    [Fact]
    public async Task A_shell_that_takes_its_jobs_along_ends_the_primary_too()
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start("$APP driver <&3 & job=$!; trap 'kill -HUP -$job; exit' USR1; wait; wait");
        await StartAsync(cluster);
        cluster.Signal(Signal.SIGUSR1); // The terminal is there when the signal comes, and gone when its leader has ended.
        await cluster.Expect("^bye");
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Somebodys_SIGHUP_reloads_a_job_of_a_terminal()
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start("$APP driver <&3 & wait");
        var primary = await StartAsync(cluster);
        TestProcess.SendSignal(primary, Signal.SIGHUP);
        await cluster.ExpectAll("^exited .* Requested", 2);
        await cluster.ExpectAll("^listening ", 4);
        await EndAsync(cluster);
    }

    [Fact]
    public async Task A_primary_of_another_session_outlives_the_terminal_and_reloads_at_SIGHUP()
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start($"setsid $APP driver <&3 & job=$!; {Terminal.TellsItsJob}; wait; wait", ("RESULT", "/dev/null"));
        var primary = await StartAsync(cluster);
        terminal.Close();
        TestProcess.SendSignal(primary, Signal.SIGHUP);
        await cluster.ExpectAll("^exited .* Requested", 2);
        await cluster.ExpectAll("^listening ", 4);
        TestProcess.SendSignal(primary, Signal.SIGTERM);
        await cluster.Expect("^bye");
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task With_nohup_it_outlives_its_terminal()
    {
        using var terminal = new Terminal();
        await using var cluster = terminal.Start($"nohup $APP driver <&3 & job=$!; {Terminal.TellsItsJob}; wait; wait", ("RESULT", "/dev/null"));
        var primary = await StartAsync(cluster);
        terminal.Close();
        TestProcess.SendSignal(primary, Signal.SIGHUP);
        cluster.Send("reload"); // What was sent before would have ended it.
        await cluster.Expect("^reload succeeded=True");
        TestProcess.SendSignal(primary, Signal.SIGTERM);
        await cluster.Expect("^bye");
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_worker_ignores_SIGHUP()
    {
        await using var fleet = await FleetSpecs.Started(1);
        await fleet.Kill(0, Signal.SIGHUP);
        await fleet.Kill(0, Signal.SIGTERM);
        await fleet.Cluster.Expect("^exited 1 Requested code=0");
        Assert.Equal(0, fleet.Cluster.Count("signal=SIGHUP"));
    }

    private static async Task<int> StartAsync(TestProcess cluster)
    {
        cluster.Send(Configure);
        cluster.Send("start");
        await cluster.Expect("^started at ");
        return FleetSpecs.Number(await cluster.Expect(@"^primary (\d+)$"), 1);
    }

    private static async Task EndAsync(TestProcess cluster)
    {
        TestProcess.SendSignal(FleetSpecs.Number(await cluster.Expect(@"^primary (\d+)$"), 1), Signal.SIGTERM);
        await cluster.Expect("^bye");
        await cluster.Exit();
    }

    private static string StateOf(int process) => File.ReadAllText($"/proc/{process}/stat").Split(')')[^1].Trim()[..1];
}
