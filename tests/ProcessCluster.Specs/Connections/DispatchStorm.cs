using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>Connections without end while workers are killed without end.</summary>
public sealed class DispatchStorm
{
    private const int Clients = 16;

    [Theory]
    [InlineData("RoundRobin")]
    [InlineData("LeastBusy")]
    public async Task While_workers_are_killed_everyone_gets_an_answer_or_a_clean_end_and_nothing_leaks(string policy)
    {
        // Set CONNECTIONS for more.
        var connections = int.Parse(Environment.GetEnvironmentVariable("CONNECTIONS") ?? "2000", CultureInfo.InvariantCulture);
        const int Seed = 4711;
        var random = new Random(Seed);
        await using var fleet = FleetSpecs.Configured(
            4, $"Dispatch {policy} Restart:InitialDelay 00:00:00.010 Restart:MaxDelay 00:00:00.100 Restart:MaxRestarts 100000");
        fleet.Cluster.Send("start");
        var port = IPEndPoint.Parse((await fleet.Cluster.Expect("^started at (.*)$")).Groups[1].Value);
        await fleet.Cluster.ExpectAll("^listening ", 4);
        await fleet.Kill(0); // What is needed for that once stays.
        await fleet.Cluster.ExpectAll("^listening ", 5);
        for (var i = 0; i < 200; i++)
            await Client.Ask(port);
        var before = Descriptors(fleet.Cluster.Id);

        var (left, answered, ended) = (connections, 0, 0);
        var asking = Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                try
                {
                    await Client.Ask(port, TimeSpan.FromSeconds(20)); // Whoever hangs fails.
                    Interlocked.Increment(ref answered);
                }
                catch (Exception exception) when (exception is IOException or SocketException { SocketErrorCode: SocketError.ConnectionReset })
                {
                    Interlocked.Increment(ref ended); // A worker that had it is dead.
                }
            }
        })).ToList();
        var all = Task.WhenAll(asking);
        var kills = 0;
        while (!all.IsCompleted)
        {
            await Task.WhenAny(all, Task.Delay(500));
            var workers = (await fleet.Workers()).Values.ToList();
            if (workers.Count == 0)
                continue;
            var victim = workers[random.Next(workers.Count)].Process;
            if (!Directory.Exists($"/proc/{victim}"))
                continue; // It is the one that was killed just before.
            TestProcess.SendSignal(victim, Signal.SIGKILL);
            kills++;
        }
        await all;
        Assert.Equal(connections, answered + ended);
        Assert.InRange(kills, 1, int.MaxValue);
        Assert.InRange(ended, 0, kills * Clients); // A worker has no more than all of them.

        // All are back, and nothing is left of the dead.
        for (var patience = 0; Descriptors(fleet.Cluster.Id) > before || (await fleet.Workers()).Count < 4; patience++)
        {
            Assert.True(patience < 200, $"{Descriptors(fleet.Cluster.Id)} descriptors, {before} before, {(await fleet.Workers()).Count} workers.");
            await Task.Delay(50);
        }
        Assert.Equal(0, fleet.Cluster.Count("failed"));
    }

    /// <summary>But for files: the runtime keeps those of libraries open, which it loads when they are needed.</summary>
    private static int Descriptors(int id) => Directory.GetFiles($"/proc/{id}/fd").Count(descriptor => new FileInfo(descriptor).LinkTarget is not ['/', ..]);
}
