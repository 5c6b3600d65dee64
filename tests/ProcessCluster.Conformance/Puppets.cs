using System.Net;

namespace ProcessCluster.Conformance;

/// <summary>
/// What the tests have in common: a primary whose workers do what they are told. A test is named as the file of Node's that asserts the same,
/// without its beginning <c>test-</c>, and what holds. Where it had to be adapted, its comment says how.
/// </summary>
internal static class Puppets
{
    /// <summary>The mode for the cases that Node runs with SCHED_NONE.</summary>
    private static readonly string SharedMode = Environment.GetEnvironmentVariable("PROCESSCLUSTER_TEST_MODE") ?? nameof(ListenMode.SharedListener);

    /// <summary>A primary with so many workers that are ready; they have the numbers from 1.</summary>
    public static Task<TestProcess> Start(int workers, params string[] commands) => Start(TestProcess.Start("driver"), workers, commands);

    /// <summary>The same, of a primary that was started in a way of its own.</summary>
    public static async Task<TestProcess> Start(TestProcess cluster, int workers, params string[] commands)
    {
        try
        {
            foreach (var command in commands)
                cluster.Send(command);
            await cluster.Fork(workers);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>As the other, for cases of SCHED_NONE.</summary>
    public static Task<TestProcess> StartShared(int workers, params string[] commands) => StartShared(TestProcess.Start("driver"), workers, commands);

    /// <summary>The same, of a primary that was started in a way of its own.</summary>
    public static Task<TestProcess> StartShared(TestProcess cluster, int workers, params string[] commands) =>
        Start(cluster, workers, [$"configure Mode {SharedMode}", .. commands]);

    /// <summary>So many workers more.</summary>
    public static async Task Fork(this TestProcess cluster, int workers)
    {
        var before = cluster.Count("^worker .* is ready,");
        for (var i = 0; i < workers; i++)
            cluster.Send("fork puppet");
        await cluster.ExpectAll("^worker .* is ready,", before + workers);
    }

    public static void Tell(this TestProcess cluster, int worker, string order) => cluster.Send($"tell {worker} {order}");

    /// <summary>Has a worker listen, and gives where it does.</summary>
    public static Task<IPEndPoint> Listen(this TestProcess cluster, int worker, string where = "127.0.0.1:0") =>
        cluster.Get(worker, $"listen {where}", @"listens \d+");

    /// <summary>Has a worker bind a UDP socket, and gives where.</summary>
    public static Task<IPEndPoint> Bind(this TestProcess cluster, int worker, string where = "127.0.0.1:0") =>
        cluster.Get(worker, $"udp {where}", @"bound \d+");

    /// <summary>Has a worker bind a socket past the library, and gives where.</summary>
    public static Task<IPEndPoint> Own(this TestProcess cluster, int worker, string order) => cluster.Get(worker, order, "owns");

    /// <summary>How a worker ended.</summary>
    public static async Task<string> ExitOf(this TestProcess cluster, int worker) =>
        (await cluster.Expect($"^exited {worker} (.*)$")).Groups[1].Value;

    /// <summary>It ended as it was asked to, and what the events told came once each and in order.</summary>
    public static async Task ExpectLeft(this TestProcess cluster, int worker)
    {
        Assert.StartsWith("Requested code=0 signal= asked=True", await cluster.ExitOf(worker), StringComparison.Ordinal);
        cluster.AssertEndedOnce(worker);
    }

    /// <summary>Disconnected and exited, once each, in this order.</summary>
    public static void AssertEndedOnce(this TestProcess cluster, int worker)
    {
        Assert.Equal(1, cluster.Count($"^disconnected {worker}$"));
        Assert.Equal(1, cluster.Count($"^exited {worker} "));
        Assert.True(cluster.IndexOf($"^disconnected {worker}$") < cluster.IndexOf($"^exited {worker} "));
    }

    private static async Task<IPEndPoint> Get(this TestProcess cluster, int worker, string order, string answer)
    {
        var pattern = $@"^worker {worker} {answer} (\S+)$";
        var before = cluster.Count(pattern);
        cluster.Tell(worker, order);
        return IPEndPoint.Parse((await cluster.ExpectAll(pattern, before + 1))[before].Groups[1].Value);
    }
}
