using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Workers that leave while others take their connections over, seen by clients that never retry and never connect again.</summary>
public sealed class Moving
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Busy_clients_keep_their_connections_through_reloads_and_lose_no_request()
    {
        // Set CONNECTIONS and RELOADS for more.
        var connections = Number("CONNECTIONS", 60);
        var reloads = Number("RELOADS", 3);
        await using var web = await Start(2);
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = connections, BodyBytes = 500, Pause = TimeSpan.FromMilliseconds(20) });
        await load.ExpectAnswers(connections * 3);
        for (var generation = 2; generation <= reloads + 1; generation++)
        {
            await Reload(web, generation, connections);
            await load.ExpectAnswers(connections * 3);
        }
        var report = await load.StopAsync();
        Assert.True(report.Failed == 0, report.ToString());
        Assert.Equal(connections, report.Connections); // Each kept the one that it had.
        Assert.True(report.ByProcess.Count > reloads * 2, report.ToString());
    }

    [Fact]
    public async Task Connections_that_say_nothing_are_served_by_the_next_workers()
    {
        var connections = Number("CONNECTIONS", 100);
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        var clients = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => web.Open(deadline.Token)));
        // One in four has never asked for anything.
        var before = await Task.WhenAll(clients.Where((_, i) => i % 4 != 0).Select(client => Ask(client, deadline.Token)));
        await Reload(web, 2, connections);
        foreach (var answer in await Task.WhenAll(clients.Select(client => Ask(client, deadline.Token))))
            Assert.DoesNotContain(answer, before);
        foreach (var client in clients)
            client.Dispose();
    }

    private static Task<Started> Start(int workers, params (string, string)[] environment) =>
        Started.Web("minimal", workers, [("ProcessCluster__SoakTime", "00:00:00.200"), .. environment]);

    private static async Task Reload(Started web, int generation, int moved, int drained = 0)
    {
        web.Process.Signal(Signal.SIGHUP);
        var result = await web.Process.Expect($@"The reload to generation {generation} replaced (\d+) workers in .*: (.*)\.$", Patience);
        var counts = Regex.Match(result.Groups[2].Value, @"^(\d+) connections moved, (\d+) drained, 0 cut$");
        Assert.True(counts.Success, result.Value);
        // Perhaps twice: to a worker that leaves in its turn.
        Assert.InRange(int.Parse(counts.Groups[1].Value, CultureInfo.InvariantCulture), moved, moved * 2);
        Assert.Equal($"{drained}", counts.Groups[2].Value);
    }

    /// <summary>Posts something, and gives the process that has answered.</summary>
    private static async Task<int> Ask(StrictConnection connection, CancellationToken deadline)
    {
        var answer = await connection.AskAsync(StrictConnection.Request("/strict", [1, 2, 3]), deadline);
        Assert.Equal(200, answer.Status);
        Assert.False(answer.Closes);
        var parts = Encoding.ASCII.GetString(answer.Body).Split(' ');
        Assert.Equal(["3", "6"], parts[1..]);
        return int.Parse(parts[0], CultureInfo.InvariantCulture);
    }

    private static int Number(string variable, int otherwise) =>
        int.Parse(Environment.GetEnvironmentVariable(variable) ?? $"{otherwise}", CultureInfo.InvariantCulture);
}
