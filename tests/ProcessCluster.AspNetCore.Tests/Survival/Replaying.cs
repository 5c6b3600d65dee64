using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Requests that may be repeated, whose worker is killed over them: another one serves them once more, and nothing else is ever served twice.</summary>
public sealed class Replaying : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _tries = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_tries, recursive: true);

    [Theory]
    [InlineData("marked", 0)]
    [InlineData("marked", 10)]
    [InlineData("marked", 12_000)]
    [InlineData("attribute", 0)]
    [InlineData("group", 0)]
    [InlineData("action", 0)]
    [InlineData("marked, first", 10)]
    [InlineData("marked, apart", 10)]
    [InlineData("marked, apart", 12_000)]
    [InlineData("marked, in pieces", 10)]
    [InlineData("marked, byte by byte", 20)]
    [InlineData("marked, Unix", 10)]
    public async Task A_request_that_may_be_repeated_is_answered_by_another_worker_on_the_same_connection(string how, int length)
    {
        var path = Path.Combine(_tries, "socket");
        await using var web = how.EndsWith("Unix", StringComparison.Ordinal) ? await Start(2, ("KESTREL", $"unix {path}")) : await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        EndPoint endPoint = how.EndsWith("Unix", StringComparison.Ordinal) ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, web.Port);
        using var connection = await StrictConnection.OpenAsync(endPoint, null, deadline.Token);
        if (!how.EndsWith("first", StringComparison.Ordinal))
            await Ask(connection, "/strict", [1], deadline.Token);
        var body = length == 0 ? null : Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var request = StrictConnection.Request($"/replay/{how.Split(',')[0]}/x?fate=hang-first", body);
        switch (how.Split(", ") is [_, var way] ? way : "")
        {
            case "apart":
                await connection.SendAsync(request.AsMemory(0, request.Length - length), deadline.Token);
                await web.Process.Expect(@"^began x");
                await connection.SendAsync(request.AsMemory(request.Length - length), deadline.Token);
                break;
            case "in pieces":
                foreach (var piece in request.Chunk(25))
                {
                    await connection.SendAsync(piece, deadline.Token);
                    await Task.Delay(20, deadline.Token); // So that they come one by one, most of the time.
                }
                break;
            case "byte by byte":
                for (var i = 0; i < request.Length; i++)
                    await connection.SendAsync(request.AsMemory(i, 1), deadline.Token);
                break;
            default:
                await connection.SendAsync(request, deadline.Token);
                break;
        }
        var worker = await Serves(web, "x", 1);
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        var answer = await connection.ReadAnswerAsync(deadline.Token);
        var next = await Serves(web, "x", 2);
        Assert.NotEqual(worker, next);
        Assert.Equal((200, false, $"{next} {length} {body?.Sum(b => (long)b) ?? 0}"), (answer.Status, answer.Closes, Encoding.ASCII.GetString(answer.Body)));
        await web.Process.Expect("0 with a request under way were answered in its place, 0 ended with it; 1 requests are tried once more by others");
        // What follows is served once, and nothing is left of what was before.
        await Ask(connection, "/strict", [1, 2, 3], deadline.Token);
        await Ask(connection, "/replay/marked/y", [1, 2, 3], deadline.Token);
        await web.Process.Expect("^serving y "); // A line may be read later than the answer.
        Assert.Equal((2, 1), (web.Process.Count("^serving x "), web.Process.Count("^serving y ")));
    }

    [Theory]
    [InlineData("unmarked")]
    [InlineData("unmarked action")]
    [InlineData("off")]
    [InlineData("half a body")]
    [InlineData("chunks")]
    [InlineData("100 Continue")]
    [InlineData("over 16 KiB")]
    public async Task What_may_not_be_repeated_is_answered_with_502(string what)
    {
        await using var web = await Start(2, ("ProcessCluster__ConnectionSurvival__ReplayIdempotent", what == "off" ? "false" : "true"));
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        await Ask(connection, "/strict", [1], deadline.Token);
        const string Head = "POST /replay/marked/x?fate=hang HTTP/1.1\r\nHost: x\r\n";
        var isWhole = what is not "half a body";
        await connection.SendAsync(
            what switch
            {
                "unmarked" => StrictConnection.Request("/replay/unmarked/x?fate=hang"),
                "unmarked action" => StrictConnection.Request("/replay/other-action/x?fate=hang"),
                "half a body" => Encoding.ASCII.GetBytes($"{Head}Content-Length: 10\r\n\r\n01234"),
                "chunks" => Encoding.ASCII.GetBytes($"{Head}Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n"),
                "100 Continue" => Encoding.ASCII.GetBytes($"{Head}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"),
                "over 16 KiB" => StrictConnection.Request("/replay/marked/x?fate=hang", new byte[64 * 1024]),
                _ => StrictConnection.Request("/replay/marked/x?fate=hang"),
            },
            deadline.Token);
        if (what == "100 Continue")
        {
            await connection.ReadContinueAsync(deadline.Token);
            await connection.SendAsync(new byte[10], deadline.Token);
        }
        var worker = int.Parse((await web.Process.Expect(isWhole ? @"^serving x (\d+)$" : @"^began x (\d+)$")).Groups[1].Value, CultureInfo.InvariantCulture);
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        var answer = await connection.ReadAnswerAsync(deadline.Token);
        Assert.Equal((502, true), (answer.Status, answer.Closes));
        await web.Process.Expect("1 with a request under way were answered in its place, 0 ended with it; 0 requests are tried once more by others");
        Assert.Equal(1, web.Process.Count("^began x "));
    }

    [Fact]
    public async Task A_response_that_has_begun_is_cut()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        await connection.SendAsync(StrictConnection.Request("/replay/marked/x?fate=begin"), deadline.Token);
        var reading = connection.ReadAnswerAsync(deadline.Token);
        while (!connection.HasBegun)
            await Task.Delay(5, deadline.Token);
        TestProcess.SendSignal(await Serves(web, "x", 1), Signal.SIGKILL);
        Assert.Equal(StrictFailure.Cut, (await Assert.ThrowsAsync<StrictFailureException>(() => reading)).Failure);
        Assert.Equal(1, web.Process.Count("^began x "));
    }

    [Fact]
    public async Task A_request_that_ends_every_worker_is_tried_twice_and_the_cluster_lives_on()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var other = await web.Open(deadline.Token);
        await Ask(other, "/strict", [1], deadline.Token);
        using var connection = await web.Open(deadline.Token);
        var answer = await connection.AskAsync(StrictConnection.Request("/replay/marked/x?fate=crash"), deadline.Token);
        Assert.Equal((502, true), (answer.Status, answer.Closes));
        Assert.NotEqual(await Serves(web, "x", 1), await Serves(web, "x", 2));
        await Ask(other, "/strict", [1], deadline.Token);
        Assert.Equal(2, web.Process.Count("^began x "));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_request_of_a_connection_has_its_second_try_where_the_kernel_says_that_it_is_another(bool isUnix)
    {
        var path = Path.Combine(_tries, "socket");
        await using var web = isUnix ? await Start(2, ("KESTREL", $"unix {path}")) : await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await StrictConnection.OpenAsync(isUnix ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, web.Port), null, deadline.Token);
        for (var i = 0; i < 3; i++)
        {
            await connection.SendAsync(StrictConnection.Request($"/replay/marked/x{i}?fate=hang-first"), deadline.Token);
            TestProcess.SendSignal(await Serves(web, $"x{i}", 1), Signal.SIGKILL);
            var answer = await connection.ReadAnswerAsync(deadline.Token);
            Assert.Equal(isUnix && i == 1 ? 502 : 200, answer.Status);
            if (answer.Closes)
                break;
        }
        using var second = await StrictConnection.OpenAsync(isUnix ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, web.Port), null, deadline.Token);
        await second.SendAsync(StrictConnection.Request("/replay/marked/y?fate=hang"), deadline.Token);
        TestProcess.SendSignal(await Serves(web, "y", 1), Signal.SIGKILL);
        TestProcess.SendSignal(await Serves(web, "y", 2), Signal.SIGKILL);
        Assert.Equal(502, (await second.ReadAnswerAsync(deadline.Token)).Status);
        Assert.Equal(2, web.Process.Count("^began y "));
    }

    [Theory]
    [InlineData("marked", "unmarked", "200 200", 2, 1)] // The second one was not begun.
    [InlineData("unmarked", "marked", "200 502", 1, 1)] // An answer was on its way: nothing is with the kernel any more.
    public async Task Of_requests_that_were_sent_ahead_none_is_repeated_that_may_not_be(string first, string second, string statuses, int firstTries, int secondTries)
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var client = Client.Connectable(new IPEndPoint(IPAddress.Loopback, web.Port));
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, web.Port), deadline.Token);
        await client.SendAsync((byte[])
        [
            .. StrictConnection.Request($"/replay/{first}/x{(first == "marked" ? "?fate=hang-first" : "")}"),
            .. StrictConnection.Request($"/replay/{second}/y{(second == "marked" ? "?fate=hang" : "")}"),
        ], deadline.Token);
        var text = "";
        if (first == "unmarked")
            await ReadAnswers(1);
        TestProcess.SendSignal(await Serves(web, first == "marked" ? "x" : "y", 1), Signal.SIGKILL);
        await ReadAnswers(2);
        Assert.Equal(statuses, string.Join(' ', Regex.Matches(text, @"HTTP/1.1 (\d+)").Select(match => match.Groups[1].Value)));
        await web.Process.Expect("^began y ");
        Assert.Equal((firstTries, secondTries), (web.Process.Count("^began x "), web.Process.Count("^began y ")));

        async Task ReadAnswers(int count)
        {
            var buffer = new byte[4096];
            while (Regex.Count(text, "HTTP/1.1 ") < count && await client.ReceiveAsync(buffer, deadline.Token) is > 0 and var received)
                text += Encoding.ASCII.GetString(buffer, 0, received);
        }
    }

    [Fact]
    public async Task A_request_of_which_the_application_has_seen_nothing_goes_on_at_another_worker()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var worker = await Ask(connection, "/strict", [1], deadline.Token);
        var request = StrictConnection.Request("/replay/unmarked/x", [1, 2, 3]);
        await connection.SendAsync(request.AsMemory(0, 30), deadline.Token);
        await Task.Delay(200, deadline.Token); // It has read it.
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        await web.Process.Expect("0 with a request under way were answered in its place, 0 ended with it");
        var answer = await connection.AskAsync(request.AsMemory(30), deadline.Token);
        Assert.Equal((200, $"{await Serves(web, "x", 1)} 3 6"), (answer.Status, Encoding.ASCII.GetString(answer.Body)));
        Assert.Equal(1, web.Process.Count("^began x "));
    }

    [Fact]
    public async Task With_TLS_nothing_is_repeated()
    {
        using var certificate = new TestCertificate();
        await using var web = await Start(2, certificate.EndPoint);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token, certificate.Hash);
        await Ask(connection, "/replay/marked/y", new byte[64 * 1024], deadline.Token);
        await connection.SendAsync(StrictConnection.Request("/replay/marked/x?fate=hang"), deadline.Token);
        TestProcess.SendSignal(await Serves(web, "x", 1), Signal.SIGKILL);
        await connection.ReadEndAsync(deadline.Token);
        Assert.Equal(1, web.Process.Count("^began x "));
    }

    [Fact]
    public async Task Whatever_clients_send_comes_as_it_was_sent()
    {
        await using var web = await Start(2);
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await web.Open(deadline.Token);
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var body = new byte[random.Next(4) == 0 ? random.Next(100_000) : random.Next(1, 5000)];
            random.NextBytes(body);
            // An empty line before a request is passed over (RFC 9112, 2.2).
            byte[] request = [.. random.Next(5) == 0 ? "\r\n"u8 : [], .. StrictConnection.Request(random.Next(2) == 0 ? "/strict" : "/replay/marked/x", body)];
            foreach (var piece in request.Chunk(random.Next(2) == 0 ? int.MaxValue : random.Next(100, 20_000)))
            {
                await connection.SendAsync(piece, deadline.Token);
                if (random.Next(4) == 0)
                    await Task.Yield();
            }
            var answer = await connection.ReadAnswerAsync(deadline.Token);
            Assert.Equal(200, answer.Status);
            Assert.EndsWith(string.Create(CultureInfo.InvariantCulture, $" {body.Length} {body.Sum(b => (long)b)}"), Encoding.ASCII.GetString(answer.Body), StringComparison.Ordinal);
        }
        // A client that leaves is seen to have left, though its request is unread.
        using (var gone = await web.Open(deadline.Token))
        {
            await gone.SendAsync(StrictConnection.Request("/replay/marked/gone?fate=hang"), deadline.Token);
            await Serves(web, "gone", 1);
            gone.EndSending();
            await gone.ReadEndAsync(deadline.Token);
        }
    }

    [Fact]
    public async Task Kills_under_load_cost_next_to_no_request_where_all_may_be_repeated()
    {
        // Set CONNECTIONS and KILLS for more, PAUSE (ms) for clients that ask less often.
        var kills = Number("KILLS", 3);
        await using var web = await Start(2, ("ProcessCluster__StandbyWorkers", "1"), ("Logging__LogLevel__Default", "Warning"), ("Logging__LogLevel__ProcessCluster", "Information"));
        using var end = new CancellationTokenSource();
        var seen = new Sightings();
        var clients = Enumerable.Range(0, Number("CONNECTIONS", 50)).Select(seed => Task.Run(() => AskUntil(web, seed, seen, end.Token))).ToList();
        await Wait.Until(() => seen.Answered > 1000, seen);
        for (var kill = 0; kill < kills; kill++)
        {
            var victim = seen.ByProcess.OrderByDescending(process => process.Value).Select(process => process.Key).First(process => !seen.Killed.Contains(process));
            seen.Killed.Add(victim);
            TestProcess.SendSignal(victim, Signal.SIGKILL);
            var answered = seen.Answered;
            await Wait.Until(() => seen.Answered > answered + 1000, seen);
            await web.Process.ExpectAll(@"^service started (\d+)$", 3 + kill + 1); // The standby worker is there again.
        }
        await end.CancelAsync();
        await Task.WhenAll(clients);
        Console.WriteLine(seen);
        Assert.True(seen.Faults.IsEmpty, seen.ToString());
        // In between two instructions of its worker a request is not repeatable: while routing has not chosen yet, and while the response is being sent.
        Assert.True(seen.BadGateways <= 2 * kills, seen.ToString());
        Assert.Contains(Enumerable.Range(1, 50), count => web.Process.Count($"; {count} requests are tried once more") > 0);
    }

    private static async Task AskUntil(Started web, int seed, Sightings seen, CancellationToken end)
    {
        var random = new Random(seed);
        StrictConnection? connection = null;
        while (!end.IsCancellationRequested)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            await Task.Delay(random.Next(Number("PAUSE", 10)), CancellationToken.None);
            try
            {
                connection ??= await web.Open(deadline.Token);
                var answer = await connection.AskAsync(StrictConnection.Request($"/replay/quiet?ms={random.Next(20)}"), deadline.Token);
                if (answer.Status == 200)
                    seen.AnsweredBy(int.Parse(Encoding.ASCII.GetString(answer.Body), CultureInfo.InvariantCulture));
                else
                    seen.NotAnswered(answer.Status);
                if (!answer.Closes)
                    continue;
            }
            catch (StrictFailureException exception)
            {
                seen.Faults.Enqueue(exception.Message);
            }
            connection?.Dispose();
            connection = null;
        }
        connection?.Dispose();
    }

    private Task<Started> Start(int workers, params (string, string)[] environment) => Started.Web(
        "minimal",
        workers,
        [
            ("ProcessCluster__ConnectionSurvival__Enabled", "true"), ("ProcessCluster__ConnectionSurvival__ReplayIdempotent", "true"), ("ProcessCluster__Restart__MaxRestarts", "100"),
            ("ProcessCluster__Restart__Factor", "1"), ("TRIES", _tries), ("CONTROLLERS", "1"), .. environment,
        ]);

    /// <summary>The process of this try of it, which has the whole request.</summary>
    private static async Task<int> Serves(Started web, string id, int tries) =>
        int.Parse((await web.Process.ExpectAll($@"^serving {id} (\d+)$", tries))[tries - 1].Groups[1].Value, CultureInfo.InvariantCulture);

    private static async Task<int> Ask(StrictConnection connection, string path, byte[] body, CancellationToken deadline)
    {
        var answer = await connection.AskAsync(StrictConnection.Request(path, body), deadline);
        Assert.Equal((200, false), (answer.Status, answer.Closes));
        return int.Parse(Encoding.ASCII.GetString(answer.Body).Split(' ')[0], CultureInfo.InvariantCulture);
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    /// <summary>What the clients have seen.</summary>
    private sealed class Sightings
    {
        private long _answered;
        private long _badGateways;

        public ConcurrentDictionary<int, long> ByProcess { get; } = new();

        public HashSet<int> Killed { get; } = [];

        public ConcurrentQueue<string> Faults { get; } = new();

        public long Answered => Interlocked.Read(ref _answered);

        public long BadGateways => Interlocked.Read(ref _badGateways);

        public void AnsweredBy(int process)
        {
            ByProcess.AddOrUpdate(process, 1, static (_, count) => count + 1);
            Interlocked.Increment(ref _answered);
        }

        public void NotAnswered(int status)
        {
            if (status == 502)
                Interlocked.Increment(ref _badGateways);
            else
                Faults.Enqueue($"{status}");
        }

        public override string ToString() => $"{Answered} answered by {ByProcess.Count} processes, {BadGateways} times 502, {Killed.Count} kills; {Faults.Count} faults: {string.Join("; ", Faults.Take(10))}";
    }
}
