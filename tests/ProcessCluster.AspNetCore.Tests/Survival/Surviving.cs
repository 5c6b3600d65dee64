using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Workers that are killed, seen by clients that never retry: connections that nothing was going on on are served on, all others end in the way that is promised.</summary>
public sealed class Surviving
{
    private const string Sentence = "The process that served this request has ended. Whether the request has taken effect is not known.\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [MeasuresTime]
    [Fact]
    public async Task Kills_under_load_break_no_idle_connection_and_each_request_under_way_has_one_end()
    {
        // Set CONNECTIONS and KILLS for more, PAUSE (ms) for clients that ask less often.
        var connections = Number("CONNECTIONS", 100);
        var kills = Number("KILLS", 3);
        await using var web = await Start(2, ("ProcessCluster__StandbyWorkers", "1"), ("Logging__LogLevel__Default", "Warning"), ("Logging__LogLevel__ProcessCluster", "Information"));
        using var end = new TestEnd();
        var seen = new Sightings();
        var clients = Enumerable.Range(0, connections).Select(seed => Task.Run(() => AskUntil(web, seed, seen, end.Token))).ToList();
        await Wait.Until(() => seen.Answered > connections * 3, seen);
        for (var kill = 0; kill < kills; kill++)
        {
            var victim = seen.ByProcess.OrderByDescending(process => process.Value).Select(process => process.Key).First(seen.IsAlive);
            seen.Killed(victim);
            TestProcess.SendSignal(victim, Signal.SIGKILL);
            var answered = seen.Answered;
            await Wait.Until(() => seen.Answered > answered + (connections * 3), seen);
            // The next one is killed when the standby worker is there again.
            await web.Process.ExpectAll(@"^service started (\d+)$", 3 + kill + 1);
        }
        await end.CancelAsync();
        await Task.WhenAll(clients);
        Assert.True(seen.Faults.IsEmpty, seen.ToString());
        Assert.True(seen.TakenOver.Percentile(50) < TimeSpan.FromSeconds(2), seen.ToString());
        Assert.True(seen.Opened <= connections + seen.BadGateways + seen.Cut, seen.ToString()); // Nobody else had to connect again.
        Console.WriteLine(seen);
    }

    /// <summary>Every request is the first of its connection: its bytes are not taken before it is said that there is one.</summary>
    [Fact]
    public async Task A_request_on_a_new_connection_is_answered_by_another_worker_or_with_502_and_never_just_cut()
    {
        var kills = Number("KILLS", 2);
        await using var web = await Start(2, ("ProcessCluster__StandbyWorkers", "1"), ("Logging__LogLevel__Default", "Warning"), ("Logging__LogLevel__ProcessCluster", "Information"));
        await using var load = StrictLoad.Start(web.Port, new StrictLoadOptions { KeepAlive = false, Clients = 50, BodyBytes = 500 });
        HashSet<int> killed = [];
        for (var kill = 0; kill < kills; kill++)
        {
            await load.ExpectAnswers(1000);
            var victim = load.Report().ByProcess.OrderByDescending(process => process.Value).Select(process => process.Key).First(killed.Add);
            TestProcess.SendSignal(victim, Signal.SIGKILL);
            await web.Process.ExpectAll(@"^service started (\d+)$", 3 + kill + 1);
        }
        var report = await load.StopAsync();
        Assert.True(report.Failures.Keys.All(failure => failure == StrictFailure.Status), report.ToString());
        Assert.All(report.Texts, text => Assert.Contains("502", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Idle_connections_are_served_by_another_worker_and_know_nothing_of_it(bool isUnix)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await using var web = isUnix ? await Start(2, ("KESTREL", $"unix {path}")) : await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        EndPoint endPoint = isUnix ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, web.Port);
        var clients = new List<StrictConnection>();
        var before = new HashSet<int>();
        for (var i = 0; i < 20; i++)
        {
            clients.Add(await StrictConnection.OpenAsync(endPoint, null, deadline.Token));
            if (i % 4 != 0) // The others have never asked for anything.
                before.Add(await Ask(clients[i], deadline.Token));
        }
        Assert.Equal(2, before.Count);
        // All of them, one after another: each connection has moved at least once.
        foreach (var worker in before)
        {
            TestProcess.SendSignal(worker, Signal.SIGKILL);
            await web.Process.Expect($@"\(process {worker}\) crashed, SIGKILL");
            foreach (var client in clients)
                Assert.NotEqual(worker, await Ask(client, deadline.Token));
        }
        foreach (var client in clients)
            client.Dispose();
        await ExpectNoCopies(web);
    }

    [Fact]
    public async Task A_request_under_way_is_answered_with_502_once()
    {
        (string Request, bool IsKept)[] cases =
        [
            ("POST /strict?slow=20000 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n01234", true),
            ("GET /strict?slow=20000 HTTP/1.1\r\nHost: x\r\n\r\nGET /strict HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("POST /strict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234", true),
            ("POST /strict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n012", true),
            ("GET /strict HTTP/1.1\r\nHo", true),
            ("GET /strict HTTP/1.1\r\n", true), // Kestrel has taken all of it.
            ("GET /strict?slow=20000 HTTP/1.1\r\nHost: x\r\n\r\n", false),
            ("GET /strict HTTP/1.1\r\nHo", false),
        ];
        await using var web = await Start(1);
        using var deadline = new CancellationTokenSource(Patience);
        for (var i = 0; i < cases.Length; i++)
        {
            var worker = int.Parse((await web.Process.ExpectAll(@"^service started (\d+)$", i + 1))[i].Groups[1].Value, CultureInfo.InvariantCulture);
            using var connection = await web.Open(deadline.Token);
            if (cases[i].IsKept)
                Assert.Equal(worker, await Ask(connection, deadline.Token));
            await connection.SendAsync(Encoding.ASCII.GetBytes(cases[i].Request), deadline.Token);
            await Task.Delay(cases[i].IsKept ? 300 : 700, deadline.Token); // It is there.
            TestProcess.SendSignal(worker, Signal.SIGKILL);
            var answer = await connection.ReadAnswerAsync(deadline.Token); // And nothing but it, to the end.
            Assert.Equal((502, true, Sentence), (answer.Status, answer.Closes, Encoding.UTF8.GetString(answer.Body)));
            await web.Process.ExpectAll("ended with connections: 0 idle ones are served by others, 1 with a request under way were answered in its place, 0 ended with it", i + 1);
        }
        await ExpectNoCopies(web);
    }

    [Fact]
    public async Task The_answer_has_the_body_that_the_options_say_and_a_request_that_is_still_being_sent_does_not_destroy_it()
    {
        await using var web = await Start(2, ("ProcessCluster__ConnectionSurvival__Body", "Sorry: ö"));
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var worker = await Ask(connection, deadline.Token);
        await TestProcess.Stop(worker);
        // More than the worker reads, as it does nothing: the rest is unread when it ends.
        var begin = Encoding.ASCII.GetBytes("POST /strict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
        TestProcess.SendSignal(worker, Signal.SIGCONT);
        await connection.SendAsync(begin, deadline.Token);
        await Task.Delay(300, deadline.Token);
        await TestProcess.Stop(worker);
        await connection.SendAsync(new byte[100_000], deadline.Token);
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        var answer = await connection.ReadAnswerAsync(deadline.Token);
        Assert.Equal((502, "Sorry: ö"), (answer.Status, Encoding.UTF8.GetString(answer.Body)));
    }

    [Fact]
    public async Task A_response_that_has_begun_is_cut_and_nothing_is_added_to_it()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var worker = await Ask(connection, deadline.Token);
        await connection.SendAsync(StrictConnection.Request("/stream?bytes=5000&ms=20000"), deadline.Token);
        await web.Process.Expect($"^streaming {worker}$");
        await Task.Delay(100, deadline.Token);
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        var failure = await Assert.ThrowsAsync<StrictFailureException>(() => connection.ReadAnswerAsync(deadline.Token));
        Assert.Equal((StrictFailure.Cut, true), (failure.Failure, connection.HasBegun));
        await web.Process.Expect(@"ended while it served GET /stream \(and 0 more\)");
        await ExpectNoCopies(web);
    }

    [Fact]
    public async Task A_client_that_waits_for_100_continue_is_told()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var worker = await Ask(connection, deadline.Token);
        await connection.SendAsync(Encoding.ASCII.GetBytes("POST /strict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"), deadline.Token);
        await connection.ReadContinueAsync(deadline.Token);
        await Task.Delay(100, deadline.Token);
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        Assert.Equal(502, (await connection.ReadAnswerAsync(deadline.Token)).Status);
    }

    [Fact]
    public async Task A_client_sees_the_end_of_a_connection_at_once_though_the_primary_has_a_copy()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        for (var i = 0; i < 20; i++)
        {
            using var connection = await web.Open(deadline.Token);
            var answer = await connection.AskAsync(StrictConnection.Request("/strict", keepAlive: i % 2 == 0), deadline.Token);
            if (answer.Closes)
                continue; // It was read to the end.
            connection.EndSending();
            await connection.ReadEndAsync(deadline.Token);
        }
        using (var gone = await web.Open(deadline.Token))
        {
            await gone.SendAsync(StrictConnection.Request("/strict?slow=1000"), deadline.Token);
        }
        await ExpectNoCopies(web);
    }

    [Fact]
    public async Task Slow_clients_and_those_that_leave_get_what_is_theirs_and_leave_nothing_behind()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        var worker = (await web.WorkerIds())[0];
        // One sends a byte now and then, one never reads what it has asked for, one has ended its sending, one resets the connection when the worker is gone.
        using var slow = await web.OpenTo(worker, deadline.Token);
        using var deaf = await web.OpenTo(worker, deadline.Token);
        using var halfClosed = await web.OpenTo(worker, deadline.Token);
        var resetting = await web.OpenTo(worker, deadline.Token);
        using var idle = await web.OpenTo(worker, deadline.Token);
        var request = Encoding.ASCII.GetBytes("GET /strict HTTP/1.1\r\nHost: x\r\n\r\n");
        var sending = Task.Run(
            async () =>
            {
                for (var i = 0; i < request.Length; i++)
                {
                    await slow.SendAsync(request.AsMemory(i, 1), deadline.Token);
                    await Task.Delay(100, deadline.Token);
                }
            },
            deadline.Token);
        await deaf.SendAsync(StrictConnection.Request("/big?length=20000000"), deadline.Token);
        await halfClosed.SendAsync(StrictConnection.Request("/strict?slow=20000"), deadline.Token);
        halfClosed.EndSending();
        await resetting.SendAsync(StrictConnection.Request("/strict?slow=20000"), deadline.Token);
        await Task.Delay(400, deadline.Token);
        await Wait.Until(() => deaf.HasUnread);
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        resetting.Dispose();
        await web.Process.Expect($@"\(process {worker}\) crashed, SIGKILL");
        Assert.Equal(502, (await slow.ReadAnswerAsync(deadline.Token)).Status);
        await sending.ContinueWith(static _ => { }, TaskScheduler.Default); // What it sends is for nobody.
        var failure = await Assert.ThrowsAsync<StrictFailureException>(() => deaf.ReadAnswerAsync(deadline.Token));
        Assert.True(failure.Failure is StrictFailure.Cut or StrictFailure.Reset, failure.Message);
        await halfClosed.ReadEndAsync(deadline.Token); // Kestrel takes the end of sending for the end.
        Assert.NotEqual(worker, await Ask(idle, deadline.Token));
        idle.Dispose();
        await ExpectNoCopies(web);
    }

    [Theory]
    [InlineData("first request")]
    [InlineData("TLS")]
    [InlineData("veto")]
    [InlineData("off")]
    [InlineData("no standby")]
    [InlineData("limit")]
    public async Task What_cannot_survive_ends_with_its_worker(string why)
    {
        using var certificate = new TestCertificate();
        await using var web = why switch
        {
            "TLS" => await Start(2, certificate.EndPoint),
            "veto" => await Start(2, ("KESTREL", "veto")),
            "off" => await Start(2, ("ProcessCluster__ConnectionSurvival__Enabled", "false"), ("ProcessCluster__StandbyWorkers", "1")),
            "no standby" => await Started.Web("minimal", 2),
            "limit" => await Start(2, ("ProcessCluster__ConnectionSurvival__MaxConnections", "1")),
            _ => await Start(2),
        };
        using var deadline = new CancellationTokenSource(Patience);
        var hash = why == "TLS" ? certificate.Hash : null;
        using var other = await web.Open(deadline.Token, hash);
        await Ask(other, deadline.Token);
        using var connection = await web.Open(deadline.Token, hash);
        if (why == "first request")
        {
            await connection.SendAsync(Encoding.ASCII.GetBytes("GET / HT"), deadline.Token);
            await Task.Delay(300, deadline.Token); // It is there.
            foreach (var worker in await web.WorkerIds())
                TestProcess.SendSignal(worker, Signal.SIGKILL);
        }
        else
        {
            TestProcess.SendSignal(await Ask(connection, deadline.Token), Signal.SIGKILL);
        }
        await connection.ReadEndAsync(deadline.Token);
    }

    [Fact]
    public async Task A_WebSocket_ends_with_its_worker()
    {
        await using var web = await Start(1);
        using var deadline = new CancellationTokenSource(Patience);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{web.Port}/ws"), deadline.Token);
        TestProcess.SendSignal((await web.WorkerIds())[0], Signal.SIGKILL);
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ReceiveAsync(new byte[100], deadline.Token));
    }

    [Fact]
    public async Task Too_low_a_limit_of_open_files_is_said_at_the_start()
    {
        await using var web = await Start(1, ("ULIMIT", "500"), ("ProcessCluster__ConnectionSurvival__MaxConnections", "1000000"));
        if (!web.Process.Output.Contains("files open", StringComparison.Ordinal))
            Assert.True(LimitOfFiles() > 1_300_000, web.Process.Describe());
    }

    private static long LimitOfFiles() => File.ReadLines("/proc/self/limits").Where(line => line.StartsWith("Max open files", StringComparison.Ordinal))
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4]).Select(limit => limit == "unlimited" ? long.MaxValue : long.Parse(limit, CultureInfo.InvariantCulture)).Single();

    private static async Task AskUntil(Started web, int seed, Sightings seen, CancellationToken end)
    {
        var random = new Random(seed);
        StrictConnection? connection = null;
        var server = 0;
        while (!end.IsCancellationRequested)
        {
            await Task.Delay(random.Next(Number("PAUSE", 40)), CancellationToken.None);
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            var since = Stopwatch.GetTimestamp();
            try
            {
                if (connection is null)
                {
                    connection = await web.Open(deadline.Token);
                    seen.Connected();
                }
                var body = new byte[random.Next(1, 2000)];
                random.NextBytes(body);
                var answer = await connection.AskAsync(StrictConnection.Request($"/strict?slow={random.Next(10)}", body), deadline.Token);
                var text = Encoding.ASCII.GetString(answer.Body);
                var before = server;
                if (answer is { Status: 200, Closes: false } && text.EndsWith($" {body.Length} {body.Sum(b => (long)b)}", StringComparison.Ordinal))
                {
                    server = int.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture);
                    seen.AnsweredBy(server, before != 0 && before != server ? Stopwatch.GetElapsedTime(since) : null);
                    continue;
                }
                if (answer is { Status: 502, Closes: true } && text == Sentence && !seen.IsAlive(before))
                    seen.BadGateway();
                else
                    seen.Fault($"{answer.Status} {text}");
            }
            catch (StrictFailureException exception) when (exception.Failure == StrictFailure.Cut && connection is { HasBegun: true })
            {
                seen.WasCut();
            }
            catch (StrictFailureException exception)
            {
                seen.Fault($"{exception.Message} (after {Stopwatch.GetElapsedTime(since)}, worker {server})");
            }
            connection?.Dispose();
            (connection, server) = (null, 0);
        }
        connection?.Dispose();
    }

    private static Task<Started> Start(int workers, params (string, string)[] environment) => Started.Web(
        "minimal", workers, [("ProcessCluster__ConnectionSurvival__Enabled", "true"), ("ProcessCluster__Restart__MaxRestarts", "100"), ("ProcessCluster__Restart__Factor", "1"), .. environment]);

    private static async Task<int> Ask(StrictConnection connection, CancellationToken deadline)
    {
        var answer = await connection.AskAsync(StrictConnection.Request("/strict", [1, 2, 3]), deadline);
        Assert.Equal((200, false), (answer.Status, answer.Closes));
        return int.Parse(Encoding.ASCII.GetString(answer.Body).Split(' ')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>No client has a connection any more: nor has the primary.</summary>
    private static async Task ExpectNoCopies(Started web, TimeSpan? within = null)
    {
        var watch = Stopwatch.StartNew();
        while (Descriptors.Connections(web.Process.Id) is > 0 and var left)
        {
            Assert.True(watch.Elapsed < (within ?? TimeSpan.FromSeconds(10)), $"The primary has {left} connections.");
            await Task.Delay(20);
        }
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    /// <summary>What the clients have seen.</summary>
    private sealed class Sightings
    {
        private readonly ConcurrentDictionary<int, bool> _killed = new();
        private long _answered;
        private long _opened;
        private long _badGateways;
        private long _cut;

        public ConcurrentDictionary<int, long> ByProcess { get; } = new();

        public ConcurrentQueue<string> Faults { get; } = new();

        /// <summary>Requests on kept connections that another worker answered than the one before.</summary>
        public LatencyHistogram TakenOver { get; } = new();

        public long Answered => Interlocked.Read(ref _answered);

        public long Opened => Interlocked.Read(ref _opened);

        public long BadGateways => Interlocked.Read(ref _badGateways);

        public long Cut => Interlocked.Read(ref _cut);

        public bool IsAlive(int process) => !_killed.ContainsKey(process);

        public void Killed(int process) => _killed[process] = true;

        public void Connected() => Interlocked.Increment(ref _opened);

        public void AnsweredBy(int process, TimeSpan? takenOver)
        {
            ByProcess.AddOrUpdate(process, 1, static (_, count) => count + 1);
            Interlocked.Increment(ref _answered);
            if (takenOver is { } time)
                TakenOver.Add(time);
        }

        public void BadGateway() => Interlocked.Increment(ref _badGateways);

        public void WasCut() => Interlocked.Increment(ref _cut);

        public void Fault(string what) => Faults.Enqueue(what);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"{Answered} answered by {ByProcess.Count} processes on {Opened} connections, {BadGateways} times 502, {Cut} cut, {_killed.Count} kills; taken over: {TakenOver}; "
            + $"{Faults.Count} faults: {string.Join("; ", Faults.Take(10))}");
    }
}
