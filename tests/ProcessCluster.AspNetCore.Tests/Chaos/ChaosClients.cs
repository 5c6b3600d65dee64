using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>The clients of the chaos spec. None tries anything again, and each checks every byte that it gets.</summary>
internal sealed class ChaosClients(IPEndPoint http1, IPEndPoint http2, ChaosRecord record, CancellationToken end)
{
    private const string Gone = "The process that served this request has ended. Whether the request has taken effect is not known.\n";

    /// <summary>Longer than a connection may wait for a worker.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    /// <summary>All of them, until the end.</summary>
    public Task Run() => Task.WhenAll(
        [
            .. Many(6, KeepConnection),
            .. Many(3, ConnectForEach),
            .. Many(2, UploadInChunks),
            .. Many(2, Download),
            .. Many(2, ReadEvents),
            .. Many(2, TalkOverWebSocket),
            .. Many(2, AskOverHttp2),
            .. Many(1, HaveWorkerAskPrimary),
        ]);

    private IEnumerable<Task> Many(int count, Func<Random, Task> client) => Enumerable.Range(0, count).Select(seed => Task.Run(async () =>
    {
        var random = new Random(seed);
        while (!end.IsCancellationRequested)
            await client(random);
    }));

    private async Task KeepConnection(Random random)
    {
        StrictConnection? connection = null;
        try
        {
            do
                connection = await Ask("kept", connection, random.Next(20_000), random, keepAlive: true);
            while (connection is not null && !end.IsCancellationRequested);
        }
        finally
        {
            connection?.Dispose();
        }
    }

    private async Task ConnectForEach(Random random) => (await Ask("single", null, random.Next(2) * 500, random, keepAlive: false))?.Dispose();

    /// <summary>Gives the connection on which to go on, if there is one.</summary>
    private Task<StrictConnection?> Ask(string kind, StrictConnection? connection, int bodyBytes, Random random, bool keepAlive)
    {
        var id = record.NextId();
        var body = bodyBytes == 0 ? null : new byte[bodyBytes];
        if (body is not null)
            random.NextBytes(body);
        return Exchange(
            kind,
            connection,
            (open, deadline) => open.AskAsync(StrictConnection.Request($"/chaos/{id}", body, keepAlive), deadline),
            answer => Expect(kind, id, answer.Body, $"{id} {bodyBytes} {body?.Sum(static value => (long)value) ?? 0}"),
            keepAlive);
    }

    private async Task UploadInChunks(Random random)
    {
        var id = record.NextId();
        var (length, sum) = (0L, 0L);
        (await Exchange(
            "upload",
            null,
            async (open, deadline) =>
            {
                await open.SendAsync(Encoding.ASCII.GetBytes($"POST /chaos/{id} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), deadline);
                for (var chunk = 0; chunk < 20; chunk++)
                {
                    var bytes = new byte[random.Next(1, 5000)];
                    random.NextBytes(bytes);
                    (length, sum) = (length + bytes.Length, sum + bytes.Sum(static value => (long)value));
                    await open.SendAsync((byte[])[.. Encoding.ASCII.GetBytes($"{bytes.Length:x}\r\n"), .. bytes, .. "\r\n"u8], deadline);
                    await Task.Delay(random.Next(10), deadline);
                }
                await open.SendAsync("0\r\n\r\n"u8.ToArray(), deadline);
                return await open.ReadAnswerAsync(deadline);
            },
            answer => Expect("upload", id, answer.Body, $"{id} {length} {sum}"),
            keepAlive: false))?.Dispose();
    }

    private async Task Download(Random random)
    {
        var bytes = random.Next(10_000, 300_000);
        (await Exchange(
            "download",
            null,
            (open, deadline) => open.AskAsync(StrictConnection.Request($"/stream?bytes={bytes}&ms=400", keepAlive: false), deadline),
            answer =>
            {
                var isRight = answer.Body.Length == bytes;
                for (var i = 16; isRight && i < bytes; i++)
                    isRight = answer.Body[i] == (byte)((i * 31L) % 251);
                if (isRight)
                    record.Count("download answered");
                else
                    record.Fault($"a download of {bytes} bytes came with other ones");
            },
            keepAlive: false))?.Dispose();
    }

    private async Task HaveWorkerAskPrimary(Random random)
    {
        var number = random.Next(10_000);
        (await Exchange(
            "message",
            null,
            (open, deadline) => open.AskAsync(StrictConnection.Request($"/cube?number={number}", keepAlive: false), deadline),
            answer => Expect("message", "-", answer.Body, $"{(long)number * number * number}"),
            keepAlive: false))?.Dispose();
        await Rest(20);
    }

    private async Task<StrictConnection?> Exchange(
        string kind, StrictConnection? connection, Func<StrictConnection, CancellationToken, Task<StrictAnswer>> ask, Action<StrictAnswer> check, bool keepAlive)
    {
        var since = Stopwatch.GetTimestamp();
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            connection ??= await StrictConnection.OpenAsync(http1, null, deadline.Token);
            var answer = await ask(connection, deadline.Token);
            if (answer.Status == 502 && Encoding.ASCII.GetString(answer.Body) == Gone)
                record.Fail(kind, "502", since);
            else if (answer.Status == 200)
                check(answer);
            else
                record.Fault($"{kind}: {answer.Status} {Encoding.ASCII.GetString(answer.Body)}");
            if (keepAlive && !answer.Closes)
                return connection;
        }
        catch (StrictFailureException exception) when (exception.Failure is StrictFailure.Cut or StrictFailure.Reset)
        {
            record.Fail(kind, "cut", since);
        }
        catch (StrictFailureException exception)
        {
            record.Fault($"{kind}: {exception.Failure}: {exception.Message}");
            await Rest(50);
        }
        connection?.Dispose();
        return null;
    }

    /// <summary>Events end with their worker, or when it leaves; what comes is whole.</summary>
    private async Task ReadEvents(Random random)
    {
        await Open("events", async deadline =>
        {
            using var client = new HttpClient();
            using var stream = await client.GetStreamAsync(new Uri($"http://{http1}/events"), deadline);
            using var reader = new StreamReader(stream);
            var first = await reader.ReadLineAsync(deadline);
            if (first is null || !first.StartsWith("data: ", StringComparison.Ordinal) || !int.TryParse(first.AsSpan(6), CultureInfo.InvariantCulture, out _))
                record.Fault($"an event is '{first}'");
            else
                record.Count("events begun");
            while (await reader.ReadLineAsync(deadline) is not null)
            {
                // To the end.
            }
        });
        await Rest(50);
    }

    private async Task TalkOverWebSocket(Random random)
    {
        await Open("websocket", async deadline =>
        {
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://{http1}/ws"), deadline);
            var received = new byte[1024];
            while (!end.IsCancellationRequested)
            {
                var sent = new byte[random.Next(1, 500)];
                random.NextBytes(sent);
                await socket.SendAsync(sent, WebSocketMessageType.Binary, endOfMessage: true, deadline);
                var result = await socket.ReceiveAsync(received, deadline);
                if (result.MessageType == WebSocketMessageType.Close)
                    return;
                if (!sent.AsSpan().SequenceEqual(received.AsSpan(0, result.Count)))
                    record.Fault("a WebSocket sent back something else");
                record.Count("websocket echoes");
                await Rest(5);
            }
        });
        await Rest(50);
    }

    /// <summary>What lasts may end at any time, but not hang.</summary>
    private async Task Open(string kind, Func<CancellationToken, Task> talk)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(end);
        try
        {
            await talk(deadline.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or HttpRequestException or IOException or WebSocketException)
        {
            record.Count($"{kind} ended");
        }
    }

    private async Task AskOverHttp2(Random random)
    {
        using var client = new HttpClient
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Patience,
        };
        while (!end.IsCancellationRequested)
        {
            var since = Stopwatch.GetTimestamp();
            var id = record.NextId();
            var body = new byte[random.Next(1, 5000)];
            random.NextBytes(body);
            try
            {
                using var content = new ByteArrayContent(body);
                using var answer = await client.PostAsync(new Uri($"http://{http2}/chaos/{id}"), content, CancellationToken.None);
                if (answer.StatusCode == HttpStatusCode.OK)
                    Expect("http2", id, await answer.Content.ReadAsByteArrayAsync(CancellationToken.None), $"{id} {body.Length} {body.Sum(static value => (long)value)}");
                else
                    record.Fault($"http2: {answer.StatusCode}");
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                record.Fail("http2", "cut", since);
            }
            catch (OperationCanceledException)
            {
                record.Fault("http2: no answer in time");
            }
        }
    }

    private void Expect(string kind, string id, byte[] body, string expected)
    {
        var text = Encoding.ASCII.GetString(body);
        if (text == expected)
            record.Answer(kind, id);
        else
            record.Fault($"{kind}: '{text}' instead of '{expected}'");
    }

    private Task Rest(int milliseconds) => Task.Delay(milliseconds, end).ContinueWith(static _ => { }, TaskScheduler.Default);
}
