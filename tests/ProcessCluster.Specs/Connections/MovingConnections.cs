using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Specs;

/// <summary>Connections that a program gives to other workers when its own leaves (<see cref="ClusterConnection.TryMove"/>).</summary>
public sealed class MovingConnections
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task They_are_answered_by_others_and_what_was_half_said_where_it_was_begun()
    {
        const int idle = 300; // More than the hand-off socket holds at once.
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("measure");
        cluster.Send("fork move");
        var endPoint = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        var old = await cluster.ProcessOf(1);
        using var deadline = new CancellationTokenSource(Patience);
        var clients = new List<LineClient>();
        using var all = new Disposal(() => clients.ForEach(client => client.Dispose())); // Else a cluster that waits for them would hide what failed.
        for (var i = 0; i < idle; i++)
            clients.Add(await LineClient.OpenAsync(endPoint, deadline.Token));
        foreach (var client in clients)
            Assert.Equal(old, await client.Ask("one", deadline.Token));
        using var half = await LineClient.OpenAsync(endPoint, deadline.Token);
        await half.Send("be", deadline.Token);
        using var never = await LineClient.OpenAsync(endPoint, deadline.Token); // It has said nothing yet.
        cluster.Send("fork move");
        await cluster.Expect("^listening 2 ");
        var next = await cluster.ProcessOf(2);

        cluster.Send("&disconnect 1");
        foreach (var client in clients.Append(never))
        {
            // As long as the old one has it, it answers.
            for (var worker = 0; worker != next;)
                Assert.Contains(worker = await client.Ask("two", deadline.Token), (int[])[old, next]);
        }
        Assert.Equal(0, cluster.Count("^exited 1 "));
        Assert.Equal((old, "begun"), await half.Read("gun\n", deadline.Token));
        Assert.Equal(next, await half.Ask("two", deadline.Token));
        await cluster.Expect("^exited 1 Requested code=0 ");
        await Telemetry.Expect(cluster, "connections.left[outcome:moved]=302", "connections.left[outcome:drained]=0", "connections.left[outcome:cut]=0");
    }

    [Theory]
    [InlineData("Workers 2", 1, "")]
    [InlineData("Workers 2", 2, " LISTEN=127.0.0.1:0 OPTIONS=Exclusive=True")]
    [InlineData("Mode SharedListener", 2, "")]
    [InlineData("Mode ReusePort", 2, "")]
    [InlineData("MoveConnections False", 2, "")]
    public async Task Where_nobody_else_can_serve_they_stay_until_they_end(string options, int workers, string variables)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure {options}");
        for (var i = 0; i < workers; i++)
            cluster.Send($"fork move{variables}");
        var listening = await cluster.ExpectAll(@"^listening (\d) (\S+)$", workers);
        using var deadline = new CancellationTokenSource(Patience);
        using (var client = await LineClient.OpenAsync(IPEndPoint.Parse(listening[0].Groups[2].Value), deadline.Token))
        {
            var worker = await client.Ask("one", deadline.Token);
            var id = (await cluster.Expect($@"^forked (\d) {worker}$")).Groups[1].Value;
            cluster.Send($"&disconnect {id}");
            for (var i = 0; i < 30; i++, await Task.Delay(10, deadline.Token))
                Assert.Equal(worker, await client.Ask("two", deadline.Token));
        }
        await cluster.Expect("^exited . Requested code=0 ");
    }

    [Fact]
    public async Task A_connection_that_waits_for_a_worker_when_the_cluster_ends_ends_with_it()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure MaxConnectionsPerWorker 1");
        cluster.Send("fork move");
        cluster.Send("fork move");
        var endPoint = IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d (\S+)$", 2))[0].Groups[1].Value);
        using var deadline = new CancellationTokenSource(Patience);
        using var first = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var second = await LineClient.OpenAsync(endPoint, deadline.Token);
        var ids = new[] { await first.Ask("one", deadline.Token), await second.Ask("one", deadline.Token) };
        Assert.Equal(2, ids.Distinct().Count());
        cluster.Send("disconnect 1"); // The other worker is full: its connection waits.
        await cluster.Expect("^gone 1$");
        cluster.Send("disconnect");
        second.Dispose();
        first.Dispose();
        await cluster.Expect("^all gone, 0 left$");
    }

    private sealed class Disposal(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
