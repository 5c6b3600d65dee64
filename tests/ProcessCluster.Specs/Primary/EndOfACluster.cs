using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>However the primary ends, nothing is left.</summary>
public sealed class EndOfACluster
{
    [Theory]
    [InlineData(Signal.SIGTERM, false)]
    [InlineData(Signal.SIGINT, false)]
    [InlineData(Signal.SIGQUIT, false)]
    [InlineData(Signal.SIGINT, true)]
    [InlineData(Signal.SIGTERM, true)]
    public async Task A_signal_ends_it_with_exit_code_0_and_frees_the_port(Signal signal, bool toTheWholeGroup)
    {
        await using var cluster = TestProcess.StartAsGroup("driver");
        cluster.Send("fork echo");
        cluster.Send("fork echo");
        var port = IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (.*)$", 2))[0].Groups[1].Value);
        if (toTheWholeGroup)
            cluster.SignalGroup(signal);
        else
            cluster.Signal(signal);
        Assert.Equal(0, await cluster.Exit(TimeSpan.FromSeconds(5)));
        await cluster.Expect("^bye$");
        await cluster.ExpectNobodyLeft(TimeSpan.Zero);

        using var again = new TcpListener(port);
        again.Start();
    }

    [MeasuresTime]
    [Fact]
    public async Task SIGKILL_of_the_primary_leaves_no_worker_be_it_idle_spinning_or_booting()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork idle");
        cluster.Send("fork spin");
        cluster.Send("fork boot-slowly");
        cluster.Send("fork echo");
        await cluster.Expect("^online 1$");
        await cluster.Expect("^spinning$");
        await cluster.Expect("^booting ");
        await cluster.Expect("^listening 4 ");
        Assert.Equal(4, cluster.Descendants.Count);
        cluster.Signal(Signal.SIGKILL);
        await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(2));
    }

    [MeasuresTime]
    [Fact]
    public async Task SIGKILL_of_the_primary_right_after_the_fork_leaves_no_worker()
    {
        for (var i = 0; i < 10; i++)
        {
            await using var cluster = TestProcess.Start("driver");
            cluster.Send("fork idle");
            cluster.Send("fork idle");
            await cluster.ExpectAll("^forked ", 2);
            cluster.Signal(Signal.SIGKILL);
            await cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(2));
        }
    }

    [MeasuresTime]
    [Fact]
    public async Task A_worker_that_is_still_booting_does_not_delay_the_end()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork boot-slowly");
        await cluster.Expect("^booting ");
        cluster.Signal(Signal.SIGTERM);
        Assert.Equal(0, await cluster.Exit(TimeSpan.FromSeconds(3)));
        await cluster.Expect("^exited 1 Killed code= signal=SIGKILL asked=True");
    }

    [Fact]
    public async Task A_second_SIGINT_does_not_wait_for_workers_that_do_not_leave()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork stubborn");
        await cluster.Expect("^stubborn$");
        await cluster.Expect("^online 1"); // Until the primary has heard of it, it is killed instead of asked.
        cluster.Signal(Signal.SIGINT);
        await cluster.Expect("^asked and not leaving$");
        cluster.Signal(Signal.SIGINT);
        Assert.Equal(0, await cluster.Exit(TimeSpan.FromSeconds(5)));
        Assert.Contains("SIGKILL", (await cluster.Expect("^exited 1 .*")).Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handler_that_never_returns_does_not_keep_the_cluster_from_ending()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("block-handlers");
        cluster.Send("fork exit CODE=1");
        cluster.Send("fork idle");
        await cluster.Expect("^exited 1 ");
        cluster.Signal(Signal.SIGTERM);
        Assert.Equal(0, await cluster.Exit(TimeSpan.FromSeconds(10)));
        await cluster.ExpectError("A handler of the cluster's events has not returned");
    }

    [Fact]
    public async Task Two_hundred_workers_in_a_row_leave_the_primary_as_it_was()
    {
        await using var cluster = TestProcess.Start("driver");
        // The first ones bring up what is made once: the loop, the pool's threads, the port.
        cluster.Send("churn 20 exit");
        await cluster.Expect("^churned$");
        var before = Resources.Of(cluster.Id);
        cluster.Send("churn 200 exit");
        await cluster.ExpectAll("^churned$", 2, TimeSpan.FromSeconds(120));

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Resources after;
        // The thread pool gives up threads that it does not need after a while.
        while ((after = Resources.Of(cluster.Id)).Threads > before.Threads && !deadline.IsCancellationRequested)
            await Task.Delay(100);
        Assert.Equal(before.Descriptors, after.Descriptors);
        Assert.InRange(after.Threads, 0, before.Threads);
        Assert.Equal(before.TemporaryFiles, after.TemporaryFiles);
        Assert.Empty(cluster.Descendants);
        Assert.Equal(220, cluster.Count("^exited "));
    }

    private sealed record Resources(int Descriptors, int Threads, string TemporaryFiles)
    {
        public static Resources Of(int id) => new(
            ProcessCluster.Testing.Descriptors.Count(id),
            Directory.GetDirectories($"/proc/{id}/task").Length,
            // The runtime's own diagnostic sockets and pipes are of live processes; here the live one is the primary alone.
            string.Join(' ', Directory.EnumerateFileSystemEntries(Path.GetTempPath())
                .Where(path => path.Contains($"-{id.ToString(CultureInfo.InvariantCulture)}-", StringComparison.Ordinal)
                    || path.Contains("ProcessCluster", StringComparison.OrdinalIgnoreCase))
                .Order(StringComparer.Ordinal)));
    }
}
