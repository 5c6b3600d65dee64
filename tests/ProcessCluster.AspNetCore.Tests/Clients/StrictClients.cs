using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>The load of the other tests, at servers that do one thing wrong: it must see it.</summary>
public sealed class StrictClients
{
    private const int BodyBytes = 1000;

    private static readonly long Sum = SumOfBody();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_answered_rightly_is_no_failure(bool keepAlive)
    {
        await using var server = new RawServer((socket, _) => Answer(socket, Right));
        var report = await Load(server.Port, requests: 40, keepAlive, clients: 4);
        Assert.Equal((40, 0), (report.Answered, report.Failed));
        Assert.InRange(report.Connections, keepAlive ? 1 : 40, keepAlive ? 4 : 40);
        Assert.Equal(40, report.ByProcess[4711]);
        Assert.InRange(report.Latencies.Percentile(50), TimeSpan.FromMicroseconds(1), report.Latencies.Max);
    }

    [Fact]
    public async Task Chunks_are_put_together()
    {
        await using var server = new RawServer((socket, _) =>
            Answer(socket, $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{Text[..2]}\r\n{Text.Length - 2:x}\r\n{Text[2..]}\r\n0\r\n\r\n"));
        var report = await Load(server.Port, requests: 10);
        Assert.Equal((10, 0), (report.Answered, report.Failed));
    }

    [Fact]
    public async Task A_connection_that_the_server_said_it_closes_is_replaced_and_no_failure()
    {
        await using var server = new RawServer((socket, number) => Answer(socket, number % 5 == 4 ? Closing : Right));
        var report = await Load(server.Port, requests: 40);
        Assert.Equal((40, 0), (report.Answered, report.Failed));
        Assert.Equal(8, report.Connections);
    }

    [Theory]
    [InlineData("nothing", StrictFailure.Cut)]
    [InlineData("half", StrictFailure.Cut)]
    [InlineData("reset", StrictFailure.Reset)]
    [InlineData("500", StrictFailure.Status)]
    [InlineData("another-sum", StrictFailure.Wrong)]
    [InlineData("nonsense", StrictFailure.Wrong)]
    [InlineData("too-much", StrictFailure.Wrong)]
    [InlineData("half-a-chunk", StrictFailure.Cut)]
    [InlineData("silence", StrictFailure.Timeout)]
    public async Task Whatever_goes_wrong_is_counted_by_its_kind(string what, StrictFailure failure)
    {
        // Every second request of a connection.
        await using var server = new RawServer(async (socket, number) => number % 2 == 0 ? await Answer(socket, Right) : what switch
        {
            "nothing" => false,
            "half" => await Answer(socket, Right[..^3]) && false,
            "reset" => Reset(socket),
            "500" => await Answer(socket, Right.Replace("200 OK", "500 Sorry", StringComparison.Ordinal)),
            "another-sum" => await Answer(socket, Right.Replace($"{Sum}", $"{Sum + 1}", StringComparison.Ordinal)),
            "nonsense" => await Answer(socket, "SSH-2.0-nonsense\r\n\r\n"),
            "half-a-chunk" => await Answer(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n4711") && false,
            "too-much" => await Answer(socket, Right + "!"),
            _ => true,
        });
        var report = await Load(server.Port, requests: 8, timeout: what == "silence" ? TimeSpan.FromMilliseconds(200) : null);
        Assert.Equal(4, report.Answered);
        Assert.Equal([new(failure, 4)], report.Failures);
        Assert.All(report.Texts, text => Assert.StartsWith($"{failure}: ", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_on_a_connection_that_was_closed_while_it_was_idle_is_a_failure()
    {
        await using var server = new RawServer(async (socket, _) => await Answer(socket, Right) && false);
        var report = await Load(server.Port, requests: 8, pause: TimeSpan.FromMilliseconds(50));
        Assert.Equal((4, 4), (report.Answered, report.Failed));
        Assert.All(report.Failures.Keys, failure => Assert.True(failure is StrictFailure.Cut or StrictFailure.Reset));
    }

    [Fact]
    public async Task A_port_that_nobody_listens_on_refuses()
    {
        var report = await Load(Client.FreePort(), requests: 6);
        Assert.Equal([new(StrictFailure.Refused, 6)], report.Failures);
    }

    [Fact]
    public void Percentiles_are_within_two_percent()
    {
        var latencies = new LatencyHistogram();
        for (var i = 1; i <= 10_000; i++)
            latencies.Add(TimeSpan.FromMicroseconds(i * 37));
        Assert.InRange(latencies.Percentile(50).TotalMicroseconds, 5000 * 37, 5000 * 37 * 1.02);
        Assert.InRange(latencies.Percentile(99.9).TotalMicroseconds, 9990 * 37, 9990 * 37 * 1.02);
        Assert.Equal(370_000, latencies.Max.TotalMicroseconds);
        Assert.Equal(latencies.Max, latencies.Percentile(100));
    }

    private static string Right => string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Length: {Text.Length}\r\n\r\n{Text}");

    private static string Closing => Right.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal);

    private static string Text => string.Create(CultureInfo.InvariantCulture, $"4711 {BodyBytes} {Sum}");

    private static long SumOfBody()
    {
        var body = new byte[BodyBytes];
        new Random(1).NextBytes(body);
        return body.Sum(b => (long)b);
    }

    private static async Task<StrictReport> Load(int port, int requests, bool keepAlive = true, int clients = 1, TimeSpan? timeout = null, TimeSpan? pause = null)
    {
        await using var load = StrictLoad.Start(port, new StrictLoadOptions
        {
            Clients = clients,
            KeepAlive = keepAlive,
            BodyBytes = BodyBytes,
            MaxRequests = requests,
            Timeout = timeout ?? TimeSpan.FromSeconds(10),
            Pause = pause ?? TimeSpan.Zero,
        });
        await load.Completion.WaitAsync(TimeSpan.FromSeconds(20));
        return load.Report();
    }

    private static async Task<bool> Answer(Socket socket, string text)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes(text));
        return !text.Contains("Connection: close", StringComparison.Ordinal);
    }

    private static bool Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        return false;
    }

    /// <summary>A server that reads requests and lets a function answer, with the request's number on its connection: false closes it.</summary>
    private sealed class RawServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Func<Socket, int, Task<bool>> _answer;
        private readonly CancellationTokenSource _end = new();
        private readonly Task _accepting;

        public RawServer(Func<Socket, int, Task<bool>> answer)
        {
            _answer = answer;
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await _accepting;
            _listener.Dispose();
            _end.Dispose();
        }

        private async Task AcceptAsync()
        {
            var serving = new List<Task>();
            try
            {
                while (true)
                    serving.Add(ServeAsync(await _listener.AcceptSocketAsync(_end.Token)));
            }
            catch (OperationCanceledException)
            {
                await Task.WhenAll(serving);
            }
        }

        private async Task ServeAsync(Socket socket)
        {
            using (socket)
            {
                var buffer = new byte[64 * 1024];
                var end = 0;
                var requests = 0;
                try
                {
                    while (await socket.ReceiveAsync(buffer.AsMemory(end), _end.Token) is > 0 and var read)
                    {
                        end += read;
                        var head = buffer.AsSpan(0, end).IndexOf("\r\n\r\n"u8);
                        if (head < 0 || end < head + 4 + BodyBytes)
                            continue;
                        var closes = buffer.AsSpan(0, head).IndexOf("Connection: close"u8) >= 0;
                        end = 0;
                        if (!await _answer(socket, requests++) || closes)
                            return;
                    }
                }
                catch (Exception exception) when (exception is SocketException or OperationCanceledException)
                {
                    // The client or the test has ended.
                }
            }
        }
    }
}
