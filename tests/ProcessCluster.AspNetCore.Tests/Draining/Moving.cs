using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
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
        var reloads = Number("RELOADS", 2);
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
    public async Task Connections_that_say_nothing_for_five_seconds_are_served_by_the_next_workers()
    {
        var connections = Number("CONNECTIONS", 400);
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        var clients = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => web.Open(deadline.Token)));
        // One in four has never asked for anything.
        var before = await Task.WhenAll(clients.Where((_, i) => i % 4 != 0).Select(client => Ask(client, deadline.Token)));
        var silence = Task.Delay(TimeSpan.FromSeconds(5), deadline.Token);
        await Reload(web, 2, connections);
        await silence;
        foreach (var answer in await Task.WhenAll(clients.Select(client => Ask(client, deadline.Token))))
            Assert.DoesNotContain(answer, before);
        foreach (var client in clients)
            client.Dispose();
    }

    [Theory]
    [InlineData("GET /strict HTTP/1.1\r\nHo", "st: x\r\n\r\n")]
    [InlineData("POST /strict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234", "56789")]
    [InlineData("POST /strict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5", "\r\n56789\r\n0\r\n\r\n")]
    [InlineData("GET /strict?slow=1500 HTTP/1.1\r\nHost: x\r\n\r\n", "")]
    public async Task A_request_that_has_begun_is_answered_where_it_began_and_its_connection_goes_then(string begin, string end)
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var old = await Ask(connection, deadline.Token);
        await connection.SendAsync(Encoding.ASCII.GetBytes(begin), deadline.Token);
        await Task.Delay(300, deadline.Token); // It is there.
        TestProcess.SendSignal(old, Signal.SIGTERM);
        await Task.Delay(500, deadline.Token); // The worker leaves.
        await connection.SendAsync(Encoding.ASCII.GetBytes(end), deadline.Token);
        var answer = await connection.ReadAnswerAsync(deadline.Token);
        Assert.Equal((200, false, old), (answer.Status, answer.Closes, ProcessOf(answer)));
        await ExpectAnotherThan(old, connection, deadline.Token);
        await web.Process.Expect($@"\(process {old}\) left on request");
    }

    [Fact]
    public async Task A_request_that_comes_byte_by_byte_is_answered_where_it_began_and_its_connection_goes_then()
    {
        // Set PAUSE (ms) for a slower client; DrainTimeout and Kestrel's own limits hold for it, as ever.
        var pause = TimeSpan.FromMilliseconds(Number("PAUSE", 60));
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var old = await Ask(connection, deadline.Token);
        var request = StrictConnection.Request("/strict", [1, 2, 3]);
        for (var i = 0; i < request.Length; i++, await Task.Delay(pause, deadline.Token))
        {
            await connection.SendAsync(request.AsMemory(i, 1), deadline.Token);
            if (i == 2)
                TestProcess.SendSignal(old, Signal.SIGTERM);
        }
        var answer = await connection.ReadAnswerAsync(deadline.Token);
        Assert.Equal((200, false, old), (answer.Status, answer.Closes, ProcessOf(answer)));
        await ExpectAnotherThan(old, connection, deadline.Token);
        await web.Process.Expect($@"\(process {old}\) left on request");
    }

    [Theory]
    [InlineData("Content-Length: 60\r\n\r\nPOST /strict", " HTTP/1.1\r\nHost: evil\r\nContent-Length: 0\r\n12\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n16\r\nGET / HTTP/1.1\r\nHost", ": \r\n0\r\n\r\n")]
    public async Task What_is_left_of_a_body_that_nobody_reads_is_never_taken_for_a_request(string begin, string end)
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var old = await Ask(connection, deadline.Token);
        await connection.SendAsync(Encoding.ASCII.GetBytes("POST /ignore HTTP/1.1\r\nHost: x\r\n" + begin), deadline.Token);
        Assert.Equal(old, ProcessOf(await connection.ReadAnswerAsync(deadline.Token)));
        TestProcess.SendSignal(old, Signal.SIGTERM);
        await Task.Delay(500, deadline.Token); // Kestrel waits, but not for a request.
        await connection.SendAsync(Encoding.ASCII.GetBytes(end), deadline.Token);
        var answer = await connection.AskAsync(StrictConnection.Request("/strict", [1, 2, 3]), deadline.Token);
        Assert.Equal((200, old), (answer.Status, ProcessOf(answer)));
        Assert.EndsWith(" 3 6", Encoding.ASCII.GetString(answer.Body), StringComparison.Ordinal);
        if (!answer.Closes)
            await ExpectAnotherThan(old, connection, deadline.Token);
    }

    [Fact]
    public async Task Requests_that_are_sent_ahead_are_all_answered_once_and_in_order()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var socket = Client.Connectable(new IPEndPoint(IPAddress.Loopback, web.Port));
        await socket.ConnectAsync(IPAddress.Loopback, web.Port, deadline.Token);
        using var stream = new NetworkStream(socket);
        using var answers = new StreamReader(stream);
        const int rounds = 60, ahead = 30;
        var workers = new HashSet<string>();
        var reloaded = Task.CompletedTask;
        for (var round = 0; round < rounds || !reloaded.IsCompleted; round++)
        {
            if (round == rounds / 4)
                reloaded = Reload(web, 2, moved: 1);
            var ids = Enumerable.Range(round * ahead, ahead).ToList();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Concat(ids.Select(id => $"GET /execute?id={id} HTTP/1.1\r\nHost: x\r\n\r\n"))), deadline.Token);
            var answered = new List<int>();
            while (answered.Count < ahead)
            {
                var line = await answers.ReadLineAsync(deadline.Token) ?? throw new IOException($"The connection ended in round {round}.");
                if (Regex.Match(line, @"^(\d+) (\d+)$") is not { Success: true } answer)
                    continue;
                answered.Add(int.Parse(answer.Groups[1].Value, CultureInfo.InvariantCulture));
                workers.Add(answer.Groups[2].Value);
            }
            Assert.Equal(ids, answered);
        }
        await reloaded;
        Assert.InRange(workers.Count, 2, 3);
    }

    [Fact]
    public async Task A_client_of_HTTP_1_0_and_one_that_waits_for_100_continue_are_served_on_too()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var old = await web.Open(deadline.Token);
        using var expecting = await web.Open(deadline.Token);
        var oldWorker = ProcessOf(await old.AskAsync("GET /stream?bytes=100&ms=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"u8.ToArray(), deadline.Token));
        var worker = await Ask(expecting, deadline.Token);
        await Reload(web, 2, moved: 2);
        Assert.NotEqual(oldWorker, ProcessOf(await old.AskAsync("GET /stream?bytes=100&ms=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"u8.ToArray(), deadline.Token)));
        await expecting.SendAsync("POST /strict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"u8.ToArray(), deadline.Token);
        await expecting.ReadContinueAsync(deadline.Token);
        await Reload(web, 3, moved: 1, drained: 0, before: () => expecting.SendAsync("abc"u8.ToArray(), deadline.Token));
        var answer = await expecting.ReadAnswerAsync(deadline.Token);
        Assert.Equal((200, false), (answer.Status, answer.Closes));
        Assert.NotEqual(worker, ProcessOf(answer));
        Assert.NotEqual(ProcessOf(answer), await Ask(expecting, deadline.Token));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_cannot_move_drains(bool tls)
    {
        using var certificate = new TestCertificate();
        await using var web = await Start(2, tls ? certificate.EndPoint : [("KESTREL", "veto")]);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token, tls ? certificate.Hash : null);
        await Ask(connection, deadline.Token);
        var end = connection.ReadEndAsync(deadline.Token);
        await Reload(web, 2, moved: 0, drained: 1);
        await end;
    }

    [Fact]
    public async Task A_WebSocket_does_not_move()
    {
        await using var web = await Start(2, ("ProcessCluster__DrainTimeout", "00:00:06"));
        using var deadline = new CancellationTokenSource(Patience);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{web.Port}/ws"), deadline.Token);
        await Reload(web, 2, moved: 0, cut: 1);
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ReceiveAsync(new byte[1], deadline.Token));
    }

    [Fact]
    public async Task Idle_HTTP_2_does_not_move()
    {
        await using var web = await Start(2, ("HTTP2_PORT", $"{Client.FreePort()}"));
        using var deadline = new CancellationTokenSource(Patience);
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        await client.GetStringAsync(web.Address, deadline.Token);
        await Reload(web, 2, moved: 0, drained: 1);
        Assert.Equal("HTTP/2", await client.GetStringAsync($"{web.Address}/protocol", deadline.Token));
    }

    [Fact]
    public async Task Clients_that_are_slow_or_leave_hold_up_no_reload_and_get_what_is_theirs()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        // Each with a large answer that the kernel cannot hold, which it has begun to get.
        const int bytes = 20_000_000;
        var clients = new List<Socket>();
        for (var i = 0; i < 3; i++)
        {
            var client = Client.Connectable(new IPEndPoint(IPAddress.Loopback, web.Port));
            clients.Add(client);
            await client.ConnectAsync(IPAddress.Loopback, web.Port, deadline.Token);
            await client.SendAsync(StrictConnection.Request($"/big?length={bytes}"), deadline.Token);
            Assert.True(await client.ReceiveAsync(new byte[1000], deadline.Token) > 0);
        }
        using var halfClosed = await web.Open(deadline.Token);
        await Ask(halfClosed, deadline.Token);
        halfClosed.EndSending();
        web.Process.Signal(Signal.SIGHUP);
        await web.Process.ExpectAll("^service started ", 4, Patience);
        await halfClosed.ReadEndAsync(deadline.Token);
        clients[1].LingerState = new LingerOption(enable: true, seconds: 0);
        clients[1].Dispose(); // A reset.
        clients[2].Shutdown(SocketShutdown.Send); // For Kestrel it has left.
        var buffer = new byte[100_000];
        for (var read = 0L; read < bytes - 1000;)
            read += await clients[0].ReceiveAsync(buffer, deadline.Token) is > 0 and var count ? count : throw new IOException($"The end came after {read} bytes.");
        await web.Process.Expect(@"The reload to generation 2 replaced 2 workers .*: [12] connections moved, \d drained, 0 cut", Patience);
        foreach (var client in clients)
            client.Dispose();
    }

    [Fact]
    public async Task Connections_over_a_Unix_domain_socket_move_too()
    {
        var directory = Directory.CreateTempSubdirectory("pc-moving-");
        try
        {
            var path = Path.Combine(directory.FullName, "a.sock");
            await using var web = await Start(2, ("KESTREL", $"unix {path}"));
            using var deadline = new CancellationTokenSource(Patience);
            using var connection = await StrictConnection.OpenAsync(new UnixDomainSocketEndPoint(path), null, deadline.Token);
            var old = await Ask(connection, deadline.Token);
            await Reload(web, 2, moved: 1);
            Assert.NotEqual(old, await Ask(connection, deadline.Token));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static Task<Started> Start(int workers, params (string, string)[] environment) =>
        Started.Web("minimal", workers, [("ProcessCluster__SoakTime", "00:00:00.200"), .. environment]);

    private static async Task Reload(Started web, int generation, int moved, int drained = 0, int cut = 0, Func<Task>? before = null)
    {
        web.Process.Signal(Signal.SIGHUP);
        if (before is not null)
        {
            await web.Process.ExpectAll("^service started ", (generation * 2) - 1, Patience);
            await Task.Delay(1000); // The old one leaves.
            await before();
        }
        var result = await web.Process.Expect($@"The reload to generation {generation} replaced (\d+) workers in .*: (.*)\.$", Patience);
        var counts = Regex.Match(result.Groups[2].Value, $@"^(\d+) connections moved, (\d+) drained, {cut} cut$");
        Assert.True(counts.Success, result.Value);
        // Perhaps twice: to a worker that leaves in its turn.
        var (hasMoved, hasDrained) = (int.Parse(counts.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(counts.Groups[2].Value, CultureInfo.InvariantCulture));
        Assert.True(hasMoved >= moved && hasMoved <= moved * 2 && hasDrained == drained, result.Value);
    }

    /// <summary>Posts something, and gives the process that has answered.</summary>
    private static async Task<int> Ask(StrictConnection connection, CancellationToken deadline)
    {
        var answer = await connection.AskAsync(StrictConnection.Request("/strict", [1, 2, 3]), deadline);
        Assert.Equal((200, false), (answer.Status, answer.Closes));
        Assert.EndsWith(" 3 6", Encoding.ASCII.GetString(answer.Body), StringComparison.Ordinal);
        return ProcessOf(answer);
    }

    /// <summary>A request that follows at once may come before the connection goes: then it goes after that one.</summary>
    private static async Task ExpectAnotherThan(int old, StrictConnection connection, CancellationToken deadline)
    {
        while (await Ask(connection, deadline) == old)
            await Task.Delay(10, deadline);
    }

    private static int ProcessOf(StrictAnswer answer) => int.Parse(Encoding.ASCII.GetString(answer.Body).Split(' ')[0], CultureInfo.InvariantCulture);

    private static int Number(string variable, int otherwise) =>
        int.Parse(Environment.GetEnvironmentVariable(variable) ?? $"{otherwise}", CultureInfo.InvariantCulture);
}
