using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Specs;

/// <summary>Many connections at the same moment, and how workers share them.</summary>
public sealed class Bursts
{
    private const int Repetitions = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The largest share over the smallest is at most 1.5 in 19 of 20. Before them some bursts have the workers compile what they need.</summary>
    [MeasuresTime]
    [Theory]
    [InlineData(2, 50)]
    [InlineData(2, 1000)]
    [InlineData(4, 50)]
    [InlineData(4, 200)]
    [InlineData(4, 200, "LeastConnections")]
    [InlineData(8, 200)]
    [InlineData(8, 1000)]
    public async Task A_burst_is_shared_fairly(int workers, int connections, string policy = "RoundRobin")
    {
        await using var cluster = await Workers.Start(workers, policy);
        for (var i = 0; i < 5; i++)
            await Shares(cluster.Port, workers, connections);
        var ratios = new List<double>();
        for (var i = 0; i < Repetitions; i++)
        {
            var shares = await Shares(cluster.Port, workers, connections);
            ratios.Add(shares.Max() / (double)Math.Max(1, shares.Min()));
        }
        Assert.True(ratios.Count(static ratio => ratio > 1.5) <= 1, $"Largest over smallest share: {string.Join(' ', ratios.Order().Select(ratio => $"{ratio:F2}"))}");
    }

    [Fact]
    public async Task A_stopped_worker_holds_up_no_more_than_what_was_offered_to_it()
    {
        await using var cluster = await Workers.Start(4, "RoundRobin");
        await Shares(cluster.Port, 4, 200);
        await TestProcess.Stop(await cluster.Process.ProcessOf(1));
        // Twice: the second time the primary knows.
        for (var i = 0; i < 2; i++)
        {
            var shares = await Shares(cluster.Port, 3, 200);
            Assert.InRange(shares.Min(), 30, 100);
        }
        TestProcess.SendSignal(await cluster.Process.ProcessOf(1), Signal.SIGCONT);
        await Wait.Until(async () => (await Shares(cluster.Port, 4, 40)).Length == 4);
    }

    /// <summary>All clients connect before one reads; each is told who serves it. How many each worker has.</summary>
    private static async Task<int[]> Shares(IPEndPoint port, int workers, int connections)
    {
        using var deadline = new CancellationTokenSource(Patience);
        var sockets = Enumerable.Range(0, connections).Select(_ => Client.Connectable(port)).ToList();
        try
        {
            var connecting = sockets.Select(socket => socket.ConnectAsync(port, deadline.Token).AsTask()).ToList();
            await Task.WhenAll(connecting);
            var served = await Task.WhenAll(sockets.Select(async socket =>
            {
                var buffer = new byte[100];
                var length = await socket.ReceiveAsync(buffer, deadline.Token);
                return int.Parse(Encoding.ASCII.GetString(buffer, 0, length).Split(' ')[0], CultureInfo.InvariantCulture);
            }));
            var shares = served.GroupBy(static worker => worker).Select(static group => group.Count()).ToArray();
            return shares.Length >= workers ? shares : [.. shares, .. Enumerable.Repeat(0, workers - shares.Length)];
        }
        finally
        {
            sockets.ForEach(static socket => socket.Dispose());
        }
    }

    /// <summary>Workers that keep what they get.</summary>
    private sealed record Workers(TestProcess Process, IPEndPoint Port) : IAsyncDisposable
    {
        public static async Task<Workers> Start(int count, string policy)
        {
            var process = TestProcess.Start("driver");
            process.Send($"configure Dispatch {policy}");
            for (var i = 0; i < count; i++)
                process.Send("fork keep");
            return new Workers(process, IPEndPoint.Parse((await process.ExpectAll(@"^listening \d+ (\S+)", count))[0].Groups[1].Value));
        }

        public ValueTask DisposeAsync() => Process.DisposeAsync();
    }
}
