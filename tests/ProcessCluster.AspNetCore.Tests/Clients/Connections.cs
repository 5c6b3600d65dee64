using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>The transport in a worker, met by clients of all kinds.</summary>
public sealed class Connections : IAsyncLifetime
{
    private Started _web = null!;

    public async Task InitializeAsync() => _web = await Started.Web("minimal", workers: 1);

    public async Task DisposeAsync() => await _web.DisposeAsync();

    [Fact]
    public async Task A_kept_connection_serves_many_requests()
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = new Uri(_web.Address) };
        var ports = new HashSet<string>();
        for (var i = 0; i < 200; i++)
            ports.Add((await client.GetStringAsync("/addresses")).Split(':')[^1]);
        Assert.Single(ports);
    }

    [Theory]
    [InlineData("/length")]
    [InlineData("/length-blocking")]
    public async Task Large_requests_arrive_whole(string path)
    {
        using var client = Client.PerRequest(_web.Address);
        using var answer = await client.PostAsync(path, new ByteArrayContent(new byte[20_000_000]));
        Assert.Equal("20000000", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Large_answers_arrive_whole_at_a_slow_reader()
    {
        using var socket = await Connect();
        await socket.SendAsync(Encoding.ASCII.GetBytes("GET /big?length=8000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        await Task.Delay(300); // The kernel's buffers are full, and the sending loop waits.
        var received = 0L;
        var body = new byte[8192];
        while (await socket.ReceiveAsync(body) is > 0 and var read)
        {
            received += body.AsSpan(0, read).Count((byte)'#');
        }
        Assert.Equal(8_000_000, received);
    }

    [Fact]
    public async Task Requests_sent_at_once_are_answered_in_order()
    {
        using var socket = await Connect();
        var requests = string.Concat(Enumerable.Range(1, 100).Select(i => $"GET /big?length={i} HTTP/1.1\r\nHost: x\r\n{(i == 100 ? "Connection: close\r\n" : "")}\r\n"));
        await socket.SendAsync(Encoding.ASCII.GetBytes(requests));
        var answers = await ReadToEnd(socket);
        Assert.Equal(Enumerable.Range(1, 100).Sum(), answers.Split("\r\n").Where(line => line.Length > 0 && line.All(c => c == '#')).Sum(line => line.Length));
        Assert.Equal(100, answers.Split("HTTP/1.1 200 OK").Length - 1);
    }

    [Fact]
    public async Task A_request_that_comes_a_byte_at_a_time_is_answered()
    {
        using var socket = await Connect();
        socket.NoDelay = true;
        foreach (var b in Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
            await socket.SendAsync(new[] { b });
        Assert.StartsWith("HTTP/1.1 200 OK", await ReadToEnd(socket), StringComparison.Ordinal);
    }

    // Not with half a request: whether that is answered with 400 or not at all is a race at Kestrel alone, too.
    [Theory]
    [InlineData("GET /slow?ms=2000 HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("")]
    public async Task A_client_that_ends_its_side_meets_what_it_meets_at_Kestrel_alone(string request)
    {
        await using var alone = await Started.Alone(("ProcessCluster__Enabled", "false"));
        var answers = new List<string>();
        foreach (var port in new[] { _web.Port, alone.Port })
        {
            await Client.Get(port, "/"); // The first request takes long, and the end would overtake it.
            using var socket = await Connect(port);
            await socket.SendAsync(Encoding.ASCII.GetBytes(request));
            await Task.Delay(1000); // Otherwise it is a race, alone as well, whether the end or the request is seen first.
            socket.Shutdown(SocketShutdown.Send);
            var answer = await ReadToEnd(socket);
            answers.Add(answer.Split("\r\n")[0]);
        }
        Assert.Equal(answers[1], answers[0]);
    }

    [Fact]
    public async Task Clients_that_reset_or_say_nothing_hurt_nobody_and_leave_no_descriptor()
    {
        var worker = (await _web.WorkerIds())[0];
        using (var client = Client.PerRequest(_web.Address))
            await client.GetStringAsync("/");
        var before = Descriptors.Count(worker);
        for (var i = 0; i < 50; i++)
        {
            using var socket = await Connect();
            if (i % 2 == 0)
                await socket.SendAsync(Encoding.ASCII.GetBytes("GET /big?length=1000000 HTTP/1.1\r\nHost: x\r\n\r\n"));
            socket.LingerState = new LingerOption(true, 0);
        }
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (Descriptors.Count(worker) > before)
            await Task.Delay(20, deadline.Token);
        using (var client = Client.PerRequest(_web.Address))
            await client.GetStringAsync("/");
        Assert.Equal(0, _web.Process.Count("crashed"));
    }

    [Fact]
    public async Task The_primary_keeps_no_copy_of_a_connection_that_was_accepted()
    {
        using var kept = new HttpClient { BaseAddress = new Uri(_web.Address) };
        var before = Descriptors.Count(_web.Process.Id);
        using var sockets = new SocketsList();
        for (var i = 0; i < 20; i++)
            sockets.Add(await Connect());
        await Task.WhenAll(sockets.Select(async socket =>
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
            await socket.ReceiveAsync(new byte[1000]);
        }));
        Assert.Equal(before, Descriptors.Count(_web.Process.Id));
    }

    private Task<Socket> Connect() => Connect(_web.Port);

    private static async Task<Socket> Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    private static async Task<string> ReadToEnd(Socket socket)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await Client.ReadToEnd(socket, deadline.Token);
    }

    private sealed class SocketsList : List<Socket>, IDisposable
    {
        public void Dispose() => ForEach(socket => socket.Dispose());
    }
}
