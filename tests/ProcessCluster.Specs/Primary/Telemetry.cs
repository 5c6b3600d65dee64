using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>What a collector in the primary sees of a cluster's life.</summary>
public sealed class Telemetry
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task The_life_of_a_cluster_is_measured_and_traced()
    {
        await using var fleet = FleetSpecs.Configured(2, "StandbyWorkers 1 SoakTime 00:00:00.100 ReadyProbe yes RequestTimeout 00:00:05");
        var cluster = fleet.Cluster;
        fleet.SetVersion("answers");
        cluster.Send("measure");
        cluster.Send("start");
        var endPoint = IPEndPoint.Parse((await cluster.Expect(@"^started at (\S+)$")).Groups[1].Value);
        await cluster.ExpectAll("^listening ", 3);
        await Expect(cluster, "workers[state:listening]=2", "workers[state:standby]=1", "workers[state:starting]=0", "connections.waiting=0");
        await cluster.ExpectAll("^span ProcessCluster.Boot in none Ok ", 3);

        for (var i = 0; i < 20; i++)
            await Client.Ask(endPoint);
        var metrics = await Expect(cluster, "connections.dispatched=20", "connections.handoff.duration#=20");
        Assert.InRange(Value(metrics, "connections.handoff.duration"), 20 * 1e-6, 20 * 5.0);
        Assert.Equal(0, Value(metrics, "link.messages[network.io.direction:transmit]"));

        await fleet.Kill(0);
        await cluster.Expect("^exited .* Crashed");
        await Expect(cluster, "worker.exits[cause:crashed]=1", "workers[state:listening]=2", "workers[state:standby]=1");

        // Each new worker is asked by the probe, and answers.
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        metrics = await Expect(
            cluster,
            "reload.duration[outcome:succeeded]#=1",
            "worker.exits[cause:requested]=3",
            "worker.drain.duration[cause:requested]#=3",
            "link.messages[network.io.direction:transmit]=2",
            "link.messages[network.io.direction:receive]=2",
            "workers[state:listening]=2",
            "workers[state:standby]=1",
            "workers[state:draining]=0");
        Assert.InRange(Value(metrics, "reload.duration[outcome:succeeded]"), 0.2, 20);
        Assert.InRange(Value(metrics, "worker.drain.duration[cause:requested]"), 0.001, 20);
        Assert.InRange(Value(metrics, "link.io[network.io.direction:transmit]"), 2 * 20, 2 * 200);
        await cluster.Expect("^span ProcessCluster.Reload in none Ok generation=2 replaced=2 outcome=succeeded: $");
        await cluster.ExpectAll("^span ProcessCluster.Boot in ProcessCluster.Reload Ok .*generation=2 ", 2);
        await cluster.ExpectAll("^span ProcessCluster.Drain in ProcessCluster.Reload Ok .*generation=1 .*cause=requested", 3);

        fleet.SetVersion("exit 5");
        Assert.StartsWith("succeeded=False", await fleet.Reload(), StringComparison.Ordinal);
        await Expect(cluster, "reload.duration[outcome:failed]#=1", "worker.exits[cause:failed_at_boot]=1");
        await cluster.Expect(@"^span ProcessCluster.Boot in ProcessCluster.Reload Error .*cause=failed_at_boot: failed at boot, exit code 5(: .*)?$");
        await cluster.Expect("^span ProcessCluster.Reload in none Error generation=3 replaced=0 outcome=failed: worker .* was not ready");
    }

    [Fact]
    public async Task Requests_under_way_are_those_that_the_workers_report()
    {
        await using var fleet = FleetSpecs.Configured(2, "HeartbeatInterval 00:00:00.200");
        fleet.SetVersion("has-requests 3");
        fleet.Cluster.Send("measure");
        fleet.Cluster.Send("start");
        await fleet.Cluster.ExpectAll("^listening ", 2);
        await Expect(fleet.Cluster, "worker.active_requests=6");
        await fleet.Kill(1);
        fleet.SetVersion("echo");
        await Expect(fleet.Cluster, "worker.active_requests=3");
    }

    [Fact]
    public async Task Connections_that_wait_come_back_and_expire_are_counted()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure QueueTimeout 00:00:02");
        cluster.Send("measure");
        cluster.Send("fork echo");
        var endPoint = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        var worker = FleetSpecs.Number(await cluster.Expect(@"^forked 1 (\d+)$"), 1);

        await TestProcess.Stop(worker);
        var clients = new List<Socket>();
        try
        {
            for (var i = 0; i < 11; i++)
            {
                clients.Add(Client.Connectable(endPoint));
                await clients[i].ConnectAsync(endPoint);
            }
            // Eight are on their way to the worker.
            await Expect(cluster, "connections.waiting=3");
            await Expect(cluster, "connections.waiting=0", "connections.expired=3");
            TestProcess.SendSignal(worker, Signal.SIGKILL);
            await Expect(cluster, "connections.returned=8", "connections.expired=11", "connections.waiting=0", "worker.exits[cause:crashed]=1");
        }
        finally
        {
            clients.ForEach(static client => client.Dispose());
        }
    }

    /// <summary>Collects until all values are these.</summary>
    internal static async Task<string> Expect(TestProcess cluster, params string[] values)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            var before = cluster.Count("^metrics ");
            cluster.Send("metrics");
            var metrics = (await cluster.ExpectAll("^metrics (.*)$", before + 1))[before].Groups[1].Value;
            if (Array.TrueForAll(values, metrics.Split(' ').Contains))
                return metrics;
            Assert.False(deadline.IsCancellationRequested, $"Not in time: {string.Join(' ', values)}, but {metrics}");
        }
    }

    private static double Value(string metrics, string name) =>
        double.Parse(metrics.Split(' ').Single(value => value.StartsWith($"{name}=", StringComparison.Ordinal))[(name.Length + 1)..], CultureInfo.InvariantCulture);
}
