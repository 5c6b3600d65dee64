using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace ProcessCluster.Specs;

/// <summary>Workers that have no file descriptor left for a while. They get connections again when they have one.</summary>
public sealed class ExhaustedWorkers
{
    private const string Said = "has no file descriptor left for connections";

    /// <summary>.NET ends a process that needs a thread and has no descriptor for it: these workers have all their threads.</summary>
    private static readonly (string, string)[] WithThreads = [("THREADS", "4"), ("DOTNET_ThreadPool_ThreadTimeoutMs", "-1"), ("DOTNET_TieredCompilation", "0")];

    [Theory]
    [InlineData("echo", "")]
    [InlineData("echo", "Dispatch LeastConnections")]
    [InlineData("echo", "Dispatch ClientAddress")]
    [InlineData("echo", "MaxConnectionsPerWorker 4")]
    [InlineData("echo", "Mode SharedListener", "No descriptor or memory is left to accept connections of")]
    [InlineData("echo", "Mode ReusePort", "No descriptor or memory is left to accept connections of")]
    public async Task When_all_workers_were_exhausted_each_is_in_turn_again_afterwards(string role, string options, string said = Said)
    {
        await using var cluster = TestProcess.Start("driver", WithThreads);
        if (options.Length > 0)
            cluster.Send($"configure {options}");
        cluster.Send($"fork {role}");
        cluster.Send($"fork {role}");
        var port = IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (\S+)", 2))[0].Groups[1].Value);
        int[] workers = [await cluster.ProcessOf(1), await cluster.ProcessOf(2)];
        await AskUntilAllServe(port, workers, options);

        var limit = FileLimit.Of(workers[0]);
        var since = Stopwatch.StartNew();
        foreach (var worker in workers)
            FileLimit.Exhaust(worker);
        var asking = Enumerable.Range(0, 20).Select(_ => Client.Ask(port)).ToList();
        await cluster.ExpectError(said);
        Assert.DoesNotContain(asking, static task => task.IsCompleted);
        foreach (var worker in workers)
            FileLimit.Set(worker, limit);
        await Task.WhenAll(asking);
        await AskUntilAllServe(port, workers, options);
        if (said == Said)
            Assert.InRange(Count(cluster), 1, 2 + (2 * (int)since.Elapsed.TotalSeconds)); // Once for each worker, or once a second on a slow machine.
    }

    [Fact]
    public async Task While_one_worker_is_exhausted_the_other_serves_and_nobody_waits_for_long()
    {
        await using var cluster = TestProcess.Start("driver", WithThreads);
        cluster.Send("fork echo");
        cluster.Send("fork echo");
        var port = IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (\S+)", 2))[0].Groups[1].Value);
        int[] workers = [await cluster.ProcessOf(1), await cluster.ProcessOf(2)];
        await AskUntilAllServe(port, workers, "");
        var since = Stopwatch.StartNew();
        var limit = FileLimit.Exhaust(workers[0]);
        for (var i = 0; i < 100; i++)
            Assert.Equal(workers[1], await Client.Ask(port));
        await cluster.ExpectError($@"worker 1 \(process \d+\) {Said}");
        FileLimit.Set(workers[0], limit);
        await AskUntilAllServe(port, workers, "");
        var said = Count(cluster);
        Assert.InRange(said, 1, 1 + (int)since.Elapsed.TotalSeconds); // A slow machine has seconds without an attempt in one lack.

        // A second lack is another one, and is said, after a second without one.
        for (var quiet = Stopwatch.StartNew(); quiet.Elapsed < TimeSpan.FromSeconds(1.5);)
            await Client.Ask(port);
        FileLimit.Exhaust(workers[0]);
        for (var i = 0; i < 10; i++)
            Assert.Equal(workers[1], await Client.Ask(port));
        await Wait.Until(() => Count(cluster) > said);
        FileLimit.Set(workers[0], limit);
        await AskUntilAllServe(port, workers, "");
    }

    [Fact]
    public async Task Connections_of_a_dead_worker_wait_for_one_that_is_exhausted()
    {
        await using var cluster = TestProcess.Start("driver", WithThreads);
        cluster.Send("configure ConnectionSurvival:Enabled true");
        cluster.Send("fork outlive");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var client = await LineClient.OpenAsync(port, deadline.Token);
        await client.Ask("one", deadline.Token);
        cluster.Send("fork outlive");
        await cluster.Expect("^listening 2 ");
        var second = await cluster.ProcessOf(2);
        await Wait.Until(async () =>
        {
            using var other = await LineClient.OpenAsync(port, deadline.Token);
            return await other.Ask("two", deadline.Token) == second; // It has compiled what it needs: that takes descriptors.
        });
        var limit = FileLimit.Exhaust(second);
        TestProcess.SendSignal(await cluster.ProcessOf(1), Signal.SIGKILL);
        await cluster.ExpectError($@"worker 2 \(process \d+\) {Said}");
        FileLimit.Set(second, limit);
        Assert.Equal(second, await client.Ask("two", deadline.Token));
    }

    [Fact]
    public async Task Connections_leave_descriptors_for_the_runtime_of_a_worker()
    {
        const int limit = 256, reserve = 16;
        await using var cluster = TestProcess.StartFile("sh", $"-c \"ulimit -n {limit}; exec {TestPaths.TestApp} driver\"");
        cluster.Send("fork keep");
        cluster.Send("fork keep");
        var port = IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (\S+)", 2))[0].Groups[1].Value);
        int[] workers = [await cluster.ProcessOf(1), await cluster.ProcessOf(2)];
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var clients = new List<LineClient>();
        try
        {
            for (var i = 0; i < 2 * limit; i++)
                clients.Add(await LineClient.OpenAsync(port, deadline.Token));
            await Wait.Until(() => workers.All(worker => cluster.Errors.Contains($"(process {worker}) {Said}", StringComparison.Ordinal)));
            Assert.All(workers, worker => Assert.InRange(Descriptors.Count(worker), limit - (3 * reserve), limit - reserve));
            var greetings = clients.Select(client => client.ReadSome(deadline.Token)).ToList();
            foreach (var worker in workers)
                await Wait.Until(() => greetings.Count(line => line.IsCompletedSuccessfully && line.Result.StartsWith($"{worker} ", StringComparison.Ordinal)) > 100);
            for (var i = 0; i < clients.Count; i++)
            {
                await greetings[i]; // The last ones are served when the first ones have gone.
                clients[i].Dispose();
            }
            Assert.Equal(0, cluster.Count("^exited "));
            Assert.InRange(cluster.Errors.Split('\n').Length - 1, 2, 9); // Said once for each lack.
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    private static int Count(TestProcess cluster) => cluster.Errors.Split(Said).Length - 1;

    private static async Task AskUntilAllServe(IPEndPoint port, int[] workers, string options)
    {
        var served = new HashSet<int>();
        var client = 1;
        await Wait.Until(async () =>
        {
            served.Add(options.Contains("ClientAddress", StringComparison.Ordinal) ? await AskFrom($"127.0.1.{client++ % 250}") : await Client.Ask(port));
            return workers.All(served.Contains);
        });

        async Task<int> AskFrom(string address)
        {
            using var socket = Client.Connectable(port);
            socket.Bind(IPEndPoint.Parse(string.Create(CultureInfo.InvariantCulture, $"{address}:0")));
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await socket.ConnectAsync(port, deadline.Token);
            return await Client.Ask(socket, deadline.Token);
        }
    }
}
