using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>What holds in every mode, and in which they differ.</summary>
public sealed class ListenModes
{
    public static TheoryData<ListenMode> All => [ListenMode.Handoff, ListenMode.SharedListener, ListenMode.ReusePort];

    public static TheoryData<ListenMode> Direct => [ListenMode.SharedListener, ListenMode.ReusePort];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Every_worker_serves_on_one_port_0_also_after_a_restart(ListenMode mode)
    {
        await using var cluster = await Started(mode, workers: 3);
        var port = await Port(cluster, 3);
        var deadline = DateTime.UtcNow.AddSeconds(20);
        var seen = new HashSet<int>();
        while (seen.Count < 3 && deadline > DateTime.UtcNow)
            seen.UnionWith(await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Client.Ask(port))));
        Assert.Equal(3, seen.Count);
        IReadOnlyList<int> answers;

        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        cluster.Send("fork echo");
        Assert.Equal(port.ToString(), (await cluster.Expect("^listening 4 (.*)$")).Groups[1].Value);
        var (gone, next) = (await cluster.ProcessOf(1), await cluster.ProcessOf(4));
        do
        {
            // Where the kernel chooses, the shares are what they are.
            answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Client.Ask(port)));
            Assert.DoesNotContain(gone, answers);
        }
        while (!answers.Contains(next) && deadline > DateTime.UtcNow);
        Assert.Contains(next, answers);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Two_clusters_of_one_user_do_not_share_a_port_and_it_is_free_in_the_end(ListenMode mode)
    {
        var port = Client.FreePort();
        await using (var first = await Started(mode, workers: 2, $" LISTEN=127.0.0.1:{port}"))
        {
            await Port(first, 2);
            await using var second = TestProcess.Start("driver");
            second.Send($"configure Mode {mode}");
            second.Send($"fork listen-and-catch LISTEN=127.0.0.1:{port}");
            await second.Expect("^caught AddressAlreadyInUse: ");

            // Also while no worker listens.
            first.Send("kill 1 SIGKILL");
            first.Send("kill 2 SIGKILL");
            await first.ExpectAll("^exited ", 2);
            second.Send($"fork listen-and-catch LISTEN=127.0.0.1:{port}");
            await second.ExpectAll("^caught AddressAlreadyInUse: ", 2);
            first.Send("fork echo");
            await first.Expect($"^failed|^listening 3 ");
            first.Send("disconnect");
            await first.Expect("^all gone, 0 left$");
            using var free = new TcpListener(IPAddress.Loopback, port);
            free.Start();
        }
    }

    [Theory]
    [MemberData(nameof(Direct))]
    public async Task A_taken_port_is_the_workers_error_and_can_be_tried_again(ListenMode mode)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Mode {mode}");
        cluster.Send($"fork listen-and-catch LISTEN={taken.LocalEndpoint}");
        await cluster.Expect("^caught AddressAlreadyInUse: ");
        var endPoint = taken.LocalEndpoint;
        taken.Stop();
        cluster.Send($"fork listen-and-catch LISTEN={endPoint}");
        await cluster.Expect("^listening after all$");
    }

    [Theory]
    [MemberData(nameof(Direct))]
    public async Task A_worker_that_closes_its_listener_hurts_no_other(ListenMode mode)
    {
        await using var cluster = await Started(mode, workers: 1);
        var port = await Port(cluster, 1);
        cluster.Send("fork close-listener");
        await cluster.Expect("^closed$");
        for (var i = 0; i < 50; i++)
            Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port)); // To its orderly end: no reset.
    }

    [Fact]
    public async Task A_worker_that_leaves_under_load_loses_nothing_of_a_shared_listener()
    {
        await using var cluster = await Started(ListenMode.SharedListener, workers: 3, role: "finish");
        var port = await Port(cluster, 3);
        var stop = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var count = 0; ; count++)
            {
                if (stop.IsCancellationRequested)
                    return count;
                await Client.Ask(port);
            }
        })).ToList();
        await Task.Delay(300);
        cluster.Send("disconnect 2");
        await cluster.Expect("^exited 2 Requested code=0 ");
        await Task.Delay(300);
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(clients), count => Assert.NotEqual(0, count));
    }

    [MeasuresTime]
    [Fact]
    public async Task A_shared_listener_goes_on_where_a_worker_was_stopped()
    {
        await using var cluster = await Started(ListenMode.SharedListener, workers: 2);
        var port = await Port(cluster, 2);
        var stopped = await cluster.ProcessOf(1);
        await TestProcess.Stop(stopped);
        for (var i = 0; i < 30; i++)
            Assert.Equal(await cluster.ProcessOf(2), await Client.Ask(port, TimeSpan.FromSeconds(2)));
    }

    [Theory]
    [MemberData(nameof(Direct))]
    public async Task A_standby_worker_accepts_nothing_until_it_takes_over(ListenMode mode)
    {
        await using var fleet = FleetSpecs.Configured(1, $"StandbyWorkers 1 Mode {mode}");
        fleet.Cluster.Send("start");
        var port = IPEndPoint.Parse((await fleet.Cluster.Expect("^started at (.*)$")).Groups[1].Value);
        await fleet.Cluster.ExpectAll("^listening ", 2);
        var first = await fleet.Cluster.ProcessOf(1);
        foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Client.Ask(port))))
            Assert.Equal(first, answer);
        await fleet.Kill(0);
        await fleet.Cluster.Expect("^exited 1 ");
        var second = await fleet.Cluster.ProcessOf(2);
        var answered = 0;
        for (var patience = 0; answered == 0 && patience < 200; patience++)
        {
            try
            {
                answered = await Client.Ask(port);
            }
            catch (SocketException exception) when (mode == ListenMode.ReusePort && exception.SocketErrorCode == SocketError.ConnectionRefused)
            {
                await Task.Delay(20); // Nobody listens for a moment: only the others keep the port open.
            }
        }
        Assert.Equal(second, answered);
    }

    [Fact]
    public async Task A_path_can_have_a_shared_listener_but_not_one_for_each()
    {
        var directory = Directory.CreateTempSubdirectory("pc-modes-");
        try
        {
            var path = Path.Combine(directory.FullName, "a.sock");
            await using var cluster = await Started(ListenMode.SharedListener, workers: 2, $" LISTEN={path}");
            await cluster.ExpectAll("^listening ", 2);
            var seen = new HashSet<int>();
            for (var round = 0; round < 100 && seen.Count < 2; round++) // One may be fast enough for all of a round.
                seen.UnionWith(await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Client.Ask(new UnixDomainSocketEndPoint(path)))));
            Assert.Equal(2, seen.Count);
            await using var other = TestProcess.Start("driver");
            other.Send("configure Mode ReusePort");
            other.Send($"fork listen-and-catch LISTEN={path}2");
            await other.Expect("^caught InvalidArgument: .*needs Handoff or SharedListener");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task It_is_said_when_the_kernel_does_not_move_queues()
    {
        await using var cluster = await Started(ListenMode.ReusePort, workers: 1);
        await Port(cluster, 1);
        var moves = (await File.ReadAllTextAsync("/proc/sys/net/ipv4/tcp_migrate_req")).Trim() != "0";
        if (!moves)
            await cluster.ExpectError("SO_REUSEPORT, and net.ipv4.tcp_migrate_req is 0");
        else
            Assert.DoesNotContain("tcp_migrate_req", cluster.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_kernel_chooses_cannot_have_a_policy()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure Mode ReusePort Dispatch LeastBusy");
        await cluster.Expect("^failed ArgumentException: .*Mode is ReusePort, which leaves the choice of a worker to the kernel");
    }

    private static async Task<TestProcess> Started(ListenMode mode, int workers, string variables = "", string role = "echo")
    {
        var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Mode {mode}");
        await cluster.Expect("^configured$");
        for (var i = 0; i < workers; i++)
            cluster.Send($"fork {role}{variables}");
        return cluster;
    }

    private static async Task<IPEndPoint> Port(TestProcess cluster, int workers) =>
        IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (\S+)", workers))[0].Groups[1].Value);
}
