using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit.Abstractions;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Workers that stay and give kept connections to those that have fewer, seen by clients that never retry and never connect again.</summary>
public sealed class Rebalancing(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>How long nothing may happen where nothing shall: it would begin after 0.3 s.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    [MeasuresTime]
    [Fact]
    public async Task Kept_connections_are_even_soon_after_workers_were_added_and_no_request_fails()
    {
        // Set CONNECTIONS for more.
        var connections = int.Parse(Environment.GetEnvironmentVariable("CONNECTIONS") ?? "200", CultureInfo.InvariantCulture);
        await using var web = await Fleet.Start(2);
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = connections, BodyBytes = 500, Pause = TimeSpan.FromMilliseconds(200) });
        await load.ExpectAnswers(connections * 2);
        await web.Grow();
        await web.Grow();
        var started = Stopwatch.StartNew();
        // A service starts before its worker is there for connections, which shows in its first one: three looks later.
        await web.ExpectCounts(counts => counts[^1] > 0);
        var since = Stopwatch.StartNew();
        var mean = connections / 4.0;
        while (await web.Counts() is var counts && counts.Max() > mean * 1.2)
        {
            Assert.True(since.Elapsed < TimeSpan.FromSeconds(4), $"After {since.Elapsed} the workers have {string.Join(", ", counts)}.");
            await Task.Delay(20);
        }
        var (elapsed, all) = (since.Elapsed, started.Elapsed);
        int[] even = [];
        await Wait.Until(async () =>
        {
            even = await web.Counts();
            await Task.Delay(Quiet);
            var later = await web.Counts();
            return even.SequenceEqual(later); // And it stays so.
        });
        Assert.InRange(even.Max(), 0, mean * 1.2);
        var report = await load.StopAsync();
        output.WriteLine($"even {elapsed} after its first connection, {all} after its start: {string.Join(", ", even)}; {report}");
        Assert.True(report.Failed == 0, report.ToString());
        Assert.Equal(connections, report.Connections); // Each kept the one that it had.
        Assert.Equal(4, report.ByProcess.Count);
    }

    [Theory]
    [InlineData("RebalanceConnections", "false")]
    [InlineData("Dispatch", "ClientAddress")]
    [InlineData("Dispatch", "LeastBusy")]
    public async Task Nobody_moves_where_it_is_switched_off_or_a_policy_chose(string option, string value)
    {
        await using var web = await Fleet.Start(1, ($"ProcessCluster__{option}", value));
        await using var clients = await Clients.Open(web, 30);
        await web.Grow();
        await Task.Delay(Quiet);
        Assert.Equal((int[])[30, 0], await web.Counts());
        Assert.Single((await clients.Ask()).Distinct());
    }

    [Theory]
    [InlineData("LeastConnections")]
    [InlineData("Random")]
    public async Task Policies_that_go_by_the_number_of_connections_even_it_out_too(string policy)
    {
        await using var web = await Fleet.Start(1, ("ProcessCluster__Dispatch", policy));
        await using var clients = await Clients.Open(web, 30);
        await web.Grow();
        await web.ExpectCounts(counts => counts.Max() <= 18);
        Assert.Equal(2, (await clients.Ask()).Distinct().Count());
    }

    [Fact]
    public async Task Who_is_even_keeps_its_connections_and_who_loses_its_clients_gets_those_of_others()
    {
        await using var web = await Fleet.Start(2, ("ProcessCluster__SoakTime", "00:00:00.200"));
        await using var clients = await Clients.Open(web, 40);
        await web.ExpectCounts(counts => counts.Max() <= 23); // Who was slower at first got fewer.
        await Task.Delay(Quiet);
        var before = await clients.Ask();
        await Task.Delay(Quiet);
        Assert.Equal(before, await clients.Ask());
        clients.Close(before, before[0]);
        await web.ExpectCounts(counts => counts.Min() >= 7 && counts.Sum() is >= 17 and <= 23);

        // What moved before is not what a reload has moved.
        await clients.DisposeAsync();
        await web.ExpectCounts(counts => counts.Sum() == 0);
        await web.Reload("0 connections moved, 0 drained, 0 cut");
    }

    [Fact]
    public async Task What_is_busy_stays_is_answered_and_moves_when_it_is_idle()
    {
        await using var web = await Fleet.Start(1);
        await using var clients = await Clients.Open(web, 30);
        var old = (await clients.Ask()).Distinct().Single();
        var answers = clients.Ask("/strict?slow=5000");
        await web.Grow();
        await Task.Delay(Quiet);
        Assert.Equal((int[])[30, 0], await web.Counts());
        Assert.False(answers.IsCompleted);
        Assert.Equal(old, (await answers).Distinct().Single());
        await web.ExpectCounts(counts => counts.Max() <= 18);
        Assert.Equal(2, (await clients.Ask()).Distinct().Count());
    }

    [Fact]
    public async Task A_worker_that_is_long_in_leaving_does_not_hold_it_up()
    {
        await using var web = await Fleet.Start(2);
        await using var clients = await Clients.Open(web, 30);
        await using var slow = await Clients.Open(web, 10);
        var answers = slow.Ask("/strict?slow=10000");
        web.Shrink();
        await Wait.Until(async () => (await clients.Ask()).Distinct().Count() == 1);
        await web.Grow();
        await web.ExpectCounts(counts => counts[^1] >= 15);
        Assert.False(answers.IsCompleted); // Some of them are with the worker that leaves.
        Assert.Equal(2, (await answers).Distinct().Count());
    }

    /// <summary>A web application whose workers become more, and whose connections are counted from outside.</summary>
    private sealed class Fleet : IAsyncDisposable
    {
        private readonly Started _web;
        private int _workers;
        private int _others;

        private Fleet(Started web, int workers) => (_web, _workers) = (web, workers);

        public int Port => _web.Port;

        public static async Task<Fleet> Start(int workers, params (string, string)[] environment)
        {
            var fleet = new Fleet(await Started.Web("minimal", workers, environment), workers);
            fleet._others = Descriptors.Sockets((await fleet.Workers())[0]);
            return fleet;
        }

        public Task<StrictConnection> Open(CancellationToken deadline) => _web.Open(deadline);

        /// <summary>One more worker, which is up.</summary>
        public async Task Grow()
        {
            _web.Process.Signal(Signal.SIGTTIN);
            _workers++;
            await Workers();
        }

        /// <summary>One worker is to leave.</summary>
        public void Shrink() => _web.Process.Signal(Signal.SIGTTOU);

        public async Task Reload(string result)
        {
            _web.Process.Signal(Signal.SIGHUP);
            await _web.Process.Expect($@"The reload to generation 2 replaced {_workers} workers in .*: {result}\.$", Patience);
        }

        /// <summary>How many connections each worker has, in the order of their start.</summary>
        public async Task<int[]> Counts() => [.. (await Workers()).Select(worker => Descriptors.Sockets(worker) - _others)];

        public async Task ExpectCounts(Func<int[], bool> condition)
        {
            var since = Stopwatch.StartNew();
            while (await Counts() is var counts && !condition(counts))
            {
                Assert.True(since.Elapsed < TimeSpan.FromSeconds(20), $"The workers have {string.Join(", ", counts)}.");
                await Task.Delay(20);
            }
        }

        public ValueTask DisposeAsync() => _web.DisposeAsync();

        private async Task<int[]> Workers() =>
            [.. (await _web.Process.ExpectAll(@"^service started (\d+)$", _workers)).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];
    }

    /// <summary>Connections that are kept.</summary>
    private sealed class Clients : IAsyncDisposable
    {
        private readonly CancellationTokenSource _deadline = new(Patience);
        private List<StrictConnection> _connections = [];

        public static async Task<Clients> Open(Fleet web, int count)
        {
            var clients = new Clients();
            for (var i = 0; i < count; i++)
                clients._connections.Add(await web.Open(clients._deadline.Token));
            await clients.Ask();
            return clients;
        }

        /// <summary>Each asks once, all at the same time: the processes that answered. No answer says that nothing follows.</summary>
        public async Task<int[]> Ask(string path = "/strict") => await Task.WhenAll(_connections.Select(async connection =>
        {
            var answer = await connection.AskAsync(StrictConnection.Request(path), _deadline.Token);
            Assert.Equal((200, false), (answer.Status, answer.Closes));
            return int.Parse(Encoding.ASCII.GetString(answer.Body).Split(' ')[0], CultureInfo.InvariantCulture);
        }));

        /// <summary>Ends those that a process answered.</summary>
        public void Close(int[] answeredBy, int process)
        {
            var closed = _connections.Where((_, i) => answeredBy[i] == process).ToList();
            closed.ForEach(connection => connection.Dispose());
            _connections = [.. _connections.Except(closed)];
        }

        public ValueTask DisposeAsync()
        {
            _connections.ForEach(connection => connection.Dispose());
            _connections = [];
            _deadline.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
