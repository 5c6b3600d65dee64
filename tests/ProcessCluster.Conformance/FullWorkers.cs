using System.Net.Sockets;

namespace ProcessCluster.Conformance;

/// <summary>Workers that want no more connections.</summary>
public sealed class FullWorkers
{
    /// <summary>Adapted: the limit is the program's own rule, <c>CanAccept</c>.</summary>
    [Fact]
    public async Task cluster_net_server_drop_connection__of_ten_connections_three_workers_take_0_1_and_9_as_they_want()
    {
        await using var cluster = await Puppets.Start(3);
        var port = await cluster.Listen(1, "127.0.0.1:0 at-most=0");
        await cluster.Listen(2, $"{port} at-most=1");
        await cluster.Listen(3, $"{port} at-most=9");
        var clients = Enumerable.Range(0, 10).Select(_ => Client.Connectable(port)).ToList();
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            foreach (var client in clients)
                await client.ConnectAsync(port, deadline.Token);
            await cluster.ExpectAll("^worker . has a connection$", 10);
            Assert.Equal([0, 1, 9], Enumerable.Range(1, 3).Select(worker => cluster.Count($"^worker {worker} has a connection$")));
            var answers = await Task.WhenAll(clients.Select(client => Client.Ask(client, deadline.Token)));
            Assert.Equal(1, answers.Count(answer => answer == cluster.ProcessOf(2).Result));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    /// <summary>Adapted: what drops connections over a limit is Kestrel, <c>MaxConcurrentConnections</c>.</summary>
    [Fact]
    public async Task http_server_drop_connections_in_cluster__what_a_full_worker_drops_is_not_given_to_another()
    {
        await using var web = TestProcess.Start(
            "web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "2"), ("CONNECTION_LIMIT", "1"));
        var address = new Uri((await web.Expect(@"A cluster of 2 workers listens on (\S+?)(, |\.$)")).Groups[1].Value);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var kept = new HttpClient { BaseAddress = address };
        var full = await kept.GetStringAsync("/", deadline.Token);
        var (dropped, answered) = (0, 0);
        for (var i = 0; i < 8; i++)
        {
            try
            {
                Assert.DoesNotContain($"\n{full}\r", await Client.Get(address.Port, "/"), StringComparison.Ordinal);
                answered++;
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                dropped++; // Its turn was the full one's.
            }
        }
        Assert.NotEqual(0, answered);
        Assert.NotEqual(0, dropped);
        Assert.Equal(full, await kept.GetStringAsync("/", deadline.Token));
    }
}
