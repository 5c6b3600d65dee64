using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Workers that leave while clients use them, seen by clients that never retry.</summary>
public sealed class Draining
{
    /// <summary>How many workers leave under load. Set LEAVES for more.</summary>
    private static readonly int Leaves = int.Parse(Environment.GetEnvironmentVariable("LEAVES") ?? "4", CultureInfo.InvariantCulture);

    /// <summary>When the first idle connection is closed, and when the last one.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(2), Window = TimeSpan.FromSeconds(3);

    /// <summary>What a busy machine may add.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1);

    /// <summary>Where nobody takes the connections over.</summary>
    private static Task<Started> Start(int workers, params (string, string)[] environment) =>
        Started.Web("minimal", workers, [("ProcessCluster__MoveConnections", "false"), .. environment]);

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task Busy_clients_lose_no_request_while_one_worker_after_another_leaves(bool keepAlive, bool tls)
    {
        using var certificate = new TestCertificate();
        await using var web = await Start(workers: 3, tls ? certificate.EndPoint : []);
        var hash = tls ? certificate.Hash : null;
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { KeepAlive = keepAlive, CertificateHash = hash });
        await LeaveOneAfterAnother(web, load, workers: 3, Leaves, hash, worker =>
        {
            TestProcess.SendSignal(worker, Signal.SIGTERM);
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task An_application_that_stops_itself_loses_no_request_of_busy_clients_either()
    {
        await using var web = await Start(workers: 2);
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { Clients = 20 });
        await LeaveOneAfterAnother(web, load, workers: 2, leaves: 3, hash: null, async worker =>
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            using var connection = await web.OpenTo(worker, deadline.Token);
            Assert.Equal(200, (await connection.AskAsync(StrictConnection.Request("/stop"), deadline.Token)).Status);
        });
    }

    [Fact]
    public async Task Streams_that_end_at_the_deadline_count_as_cut_and_others_as_drained()
    {
        await using var web = await Start(workers: 1, ("ProcessCluster__DrainTimeout", "00:00:03"));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var clients = new List<Socket>();
        try
        {
            using var idle = await web.Open(deadline.Token);
            Assert.Equal(200, (await idle.AskAsync(StrictConnection.Request("/strict"), deadline.Token)).Status);
            for (var i = 0; i < 3; i++)
            {
                var client = Client.Connectable(new IPEndPoint(IPAddress.Loopback, web.Port));
                clients.Add(client);
                await client.ConnectAsync(IPAddress.Loopback, web.Port, deadline.Token);
                await client.SendAsync(StrictConnection.Request("/events"), deadline.Token);
            }
            await web.Process.ExpectAll("^streaming ", 3);
            web.Process.Signal(Signal.SIGHUP);
            await web.Process.ExpectAll("^leaving ", 3);
            clients[2].LingerState = new LingerOption(enable: true, seconds: 0);
            clients[2].Dispose(); // A client that goes by itself is not cut.
            await web.Process.Expect(@"The reload to generation 2 replaced 1 workers .*: 0 connections moved, 2 drained, 2 cut", TimeSpan.FromSeconds(30));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [MeasuresTime]
    [Fact]
    public async Task Idle_connections_are_closed_in_order_after_a_while_and_one_after_another()
    {
        await using var web = await Start(workers: 1);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var connections = new List<StrictConnection>();
        for (var i = 0; i < 40; i++)
        {
            connections.Add(await web.Open(deadline.Token));
            if (i % 4 != 0) // The others have never asked.
                await connections[i].AskAsync(StrictConnection.Request("/strict"), deadline.Token);
        }
        using (var last = await web.Open(deadline.Token)) // When it is answered, those before it are accepted.
            await last.AskAsync(StrictConnection.Request("/strict", keepAlive: false), deadline.Token);

        var worker = (await web.WorkerIds())[0];
        var watch = Stopwatch.StartNew();
        TestProcess.SendSignal(worker, Signal.SIGTERM);
        var ends = await Task.WhenAll(connections.Select(async connection =>
        {
            await connection.ReadEndAsync(deadline.Token);
            return watch.Elapsed;
        }));
        connections.ForEach(connection => connection.Dispose());
        Assert.All(ends, end => Assert.InRange(end, Idle, Window + Slack));
        Assert.InRange(ends.Max() - ends.Min(), TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(2));
        Assert.True(ends.Select(end => (int)end.TotalMilliseconds / 100).Distinct().Count() >= 5, string.Join(' ', ends.Order()));
        await Left(web, worker);
    }

    [MeasuresTime]
    [Fact]
    public async Task A_request_on_an_idle_connection_is_still_answered_and_its_client_told()
    {
        await using var web = await Start(workers: 2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var connection = await web.Open(deadline.Token);
        var before = await connection.AskAsync(StrictConnection.Request("/strict"), deadline.Token);
        Assert.False(before.Closes);
        var watch = Stopwatch.StartNew();
        TestProcess.SendSignal(ProcessOf(before), Signal.SIGTERM);
        await Task.Delay(Idle / 2);
        var after = await connection.AskAsync(StrictConnection.Request("/strict"), deadline.Token);
        Assert.True(after.Closes);
        Assert.Equal(ProcessOf(before), ProcessOf(after));
        await Left(web, ProcessOf(before));
        Assert.InRange(watch.Elapsed, Idle / 2, Window + Slack); // It was the last one.
    }

    [MeasuresTime]
    [Fact]
    public async Task A_worker_without_connections_leaves_at_once()
    {
        await using var web = await Start(workers: 2);
        var worker = (await web.WorkerIds())[0];
        var watch = Stopwatch.StartNew();
        TestProcess.SendSignal(worker, Signal.SIGTERM);
        await Left(web, worker);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Idle);
    }

    [MeasuresTime]
    [Fact]
    public async Task Long_responses_arrive_whole_and_their_connections_can_be_used_once_more()
    {
        const int bytes = 10_000_000;
        var expected = new byte[bytes];
        for (var i = 0; i < bytes; i++)
            expected[i] = (byte)((i * 31L) % 251);
        await using var web = await Start(workers: 2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var connections = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => web.Open(deadline.Token)));
        var first = new HashSet<int>(await web.WorkerIds());
        var watch = Stopwatch.StartNew();
        foreach (var connection in connections)
            await connection.SendAsync(StrictConnection.Request($"/stream?bytes={bytes}&ms=8000"), deadline.Token);
        var answers = connections.Select(connection => connection.ReadAnswerAsync(deadline.Token)).ToList();
        await web.Process.ExpectAll("^streaming ", connections.Length);
        foreach (var worker in first)
            TestProcess.SendSignal(worker, Signal.SIGTERM);

        var again = await Task.WhenAll(connections.Zip(answers, async (connection, answer) =>
        {
            var stream = await answer;
            Assert.Equal((200, false), (stream.Status, stream.Closes));
            Assert.Contains(ProcessOf(stream), first);
            Assert.True(stream.Body.AsSpan(16).SequenceEqual(expected.AsSpan(16)));
            return await connection.AskAsync(StrictConnection.Request("/strict"), deadline.Token);
        }));
        Assert.InRange(watch.Elapsed, Window + Slack, TimeSpan.FromSeconds(30)); // It was longer than idle connections have.
        Assert.All(again, answer => Assert.True(answer.Closes));
        foreach (var worker in first)
            await Left(web, worker);
        foreach (var connection in connections)
            connection.Dispose();
    }

    [Fact]
    public async Task While_an_old_worker_still_answers_new_requests_go_to_others()
    {
        await using var web = await Start(workers: 2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var connection = await web.Open(deadline.Token);
        await connection.SendAsync(StrictConnection.Request("/stream?bytes=1000&ms=4000"), deadline.Token);
        var leaving = int.Parse((await web.Process.Expect(@"^streaming (\d+)$")).Groups[1].Value, CultureInfo.InvariantCulture);
        TestProcess.SendSignal(leaving, Signal.SIGTERM);
        await web.Process.Expect($"^leaving {leaving}$");
        using var client = Client.PerRequest(web.Address);
        for (var i = 0; i < 20; i++)
            Assert.NotEqual($"{leaving}", await client.GetStringAsync("/"));
        Assert.Equal(leaving, ProcessOf(await connection.ReadAnswerAsync(deadline.Token)));
    }

    [Theory]
    [InlineData("POST /strict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234", "56789")]
    [InlineData("GET /strict HTTP/1.1\r\nHo", "st: x\r\n\r\n")]
    public async Task A_request_that_comes_slowly_is_answered(string begin, string end)
    {
        await using var web = await Start(workers: 2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var connection = await web.Open(deadline.Token);
        var worker = ProcessOf(await connection.AskAsync(StrictConnection.Request("/strict"), deadline.Token));
        await connection.SendAsync(Encoding.ASCII.GetBytes(begin), deadline.Token);
        TestProcess.SendSignal(worker, Signal.SIGTERM);
        await Task.Delay(Window + Slack); // Longer than idle connections have.
        await connection.SendAsync(Encoding.ASCII.GetBytes(end), deadline.Token);
        var answer = await connection.ReadAnswerAsync(deadline.Token);
        Assert.True(answer.Closes);
        Assert.Equal(worker, ProcessOf(answer));
        await Left(web, worker);
    }

    [MeasuresTime]
    [Fact]
    public async Task A_WebSocket_goes_on_until_shortly_before_the_deadline()
    {
        await using var web = await Start(workers: 2, ("ProcessCluster__DrainTimeout", "00:00:10"));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{web.Port}/ws"), deadline.Token);
        async Task<bool> Echo()
        {
            var buffer = new byte[10];
            await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
            return (await socket.ReceiveAsync(buffer, deadline.Token)).Count == 5;
        }

        Assert.True(await Echo());
        var watch = Stopwatch.StartNew();
        foreach (var worker in await web.WorkerIds())
            TestProcess.SendSignal(worker, Signal.SIGTERM);
        while (watch.Elapsed < TimeSpan.FromSeconds(8)) // The host stops 1 s before the deadline.
        {
            Assert.True(await Echo());
            await Task.Delay(100, deadline.Token);
        }
        await Assert.ThrowsAsync<WebSocketException>(async () =>
        {
            while (await Echo())
                await Task.Delay(10, deadline.Token);
        });
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(10) + Slack);
        await web.Process.ExpectAll("left on request, exit code 0", 2); // Not killed.
    }

    [MeasuresTime]
    [Fact]
    public async Task HTTP_2_clients_get_GOAWAY_at_once()
    {
        var port = Client.FreePort();
        await using var web = await Start(workers: 1, ("HTTP2_PORT", $"{port}"));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
        await using var stream = new NetworkStream(socket);
        byte[] headers = [0x82, 0x86, 0x84, 0x41, 9, .. "localhost"u8]; // GET, http, /, and the authority, by HPACK's static table
        await stream.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(type: 4, flags: 0, stream: 0, []), .. Frame(type: 1, flags: 5, stream: 1, headers)], deadline.Token);
        while (await ReadFrame(stream, deadline.Token) is not { Stream: 1, EndsStream: true })
        {
        }
        var watch = Stopwatch.StartNew();
        TestProcess.SendSignal((await web.WorkerIds())[0], Signal.SIGTERM);
        while (await ReadFrame(stream, deadline.Token) is not { Type: 7 })
        {
        }
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Idle);
    }

    [Fact]
    public async Task HTTP_2_clients_lose_no_request_while_one_worker_after_another_leaves()
    {
        var port = Client.FreePort();
        await using var web = await Start(workers: 2, ("HTTP2_PORT", $"{port}"));
        using var end = new TestEnd();
        var answered = 0;
        async Task Ask()
        {
            using var client = new HttpClient
            {
                BaseAddress = new Uri($"http://127.0.0.1:{port}"),
                DefaultRequestVersion = HttpVersion.Version20,
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Timeout = TimeSpan.FromSeconds(20),
            };
            while (!end.IsCancellationRequested)
            {
                await client.GetStringAsync("/");
                Interlocked.Increment(ref answered);
            }
        }

        var asking = Enumerable.Range(0, 8).Select(_ => Ask()).ToList();
        for (var i = 0; i < Leaves; i++)
        {
            await Leave(web, (await Workers(web, 2 + i))[i]);
            var before = Volatile.Read(ref answered);
            await Wait.Until(() => Volatile.Read(ref answered) > before + 100 || asking.Exists(static task => task.IsFaulted)); // Also by a worker that is new.
        }
        await end.CancelAsync();
        await Task.WhenAll(asking);
    }

    [MeasuresTime]
    [Fact]
    public async Task Workers_whose_primary_is_gone_stop_their_services_though_clients_are_connected()
    {
        await using var web = await Start(workers: 2);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var connection = await web.Open(deadline.Token);
        await connection.AskAsync(StrictConnection.Request("/strict"), deadline.Token);
        web.Process.Signal(Signal.SIGKILL);
        await web.Process.ExpectAll("^service stopped ", 2, TimeSpan.FromSeconds(2));
        await web.Process.ExpectNobodyLeft(TimeSpan.FromSeconds(2));
    }

    /// <summary>The oldest worker that serves the load leaves, when the newest one is ready to take over.</summary>
    private static async Task LeaveOneAfterAnother(Started web, StrictLoad load, int workers, int leaves, string? hash, Func<int, Task> tell)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        for (var i = 0; i < leaves; i++)
        {
            var all = await Workers(web, workers + i);
            (await web.OpenTo(all[^1], deadline.Token, hash)).Dispose();
            await load.ExpectAnswersOf(all[i]);
            await tell(all[i]);
            await Left(web, all[i]);
            await load.ExpectAnswers(100);
        }
        var report = await load.StopAsync();
        Assert.True(report.Failed == 0, report.ToString());
        Assert.True(report.ByProcess.Count > leaves, report.ToString());
    }

    /// <summary>All workers that have ever come up, when there are so many.</summary>
    private static async Task<List<int>> Workers(Started web, int count) =>
        [.. (await web.Process.ExpectAll(@"^service started (\d+)$", count)).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];

    private static async Task Leave(Started web, int worker)
    {
        TestProcess.SendSignal(worker, Signal.SIGTERM);
        await Left(web, worker);
    }

    private static Task<System.Text.RegularExpressions.Match> Left(Started web, int worker) =>
        web.Process.Expect(string.Create(CultureInfo.InvariantCulture, $@"Worker \d+ \(process {worker}\) left on request, exit code 0"));

    private static int ProcessOf(StrictAnswer answer) =>
        int.Parse(Encoding.ASCII.GetString(answer.Body, 0, Math.Min(16, answer.Body.Length)).Split(' ')[0], CultureInfo.InvariantCulture);

    private static byte[] Frame(byte type, byte flags, byte stream, byte[] payload) => [0, 0, (byte)payload.Length, type, flags, 0, 0, 0, stream, .. payload];

    private static async Task<(int Type, int Stream, bool EndsStream)> ReadFrame(Stream stream, CancellationToken deadline)
    {
        var head = new byte[9];
        await stream.ReadExactlyAsync(head, deadline);
        await stream.ReadExactlyAsync(new byte[(head[0] << 16) | (head[1] << 8) | head[2]], deadline);
        return (head[3], head[8], head[3] is 0 or 1 && (head[4] & 1) != 0);
    }
}
