using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using ProcessCluster.AspNetCore.Transport;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>What Kestrel can listen on, and what goes over its connections, in workers as alone.</summary>
public sealed class Listening : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pc-kestrel-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_Unix_domain_socket_has_the_permissions_of_the_options_and_is_removed_at_the_end()
    {
        var path = Path.Combine(_directory.FullName, "web.sock");
        await using (var web = await Started.Web("minimal", workers: 2, ("KESTREL", $"unix {path}"), ("OPTIONS", "UnixFileMode=384")))
        {
            Assert.Equal($"http://unix:{path}", web.Address);
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.Equal(2, (await AnswersOf(new UnixDomainSocketEndPoint(path))).Count);
        }
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task An_abstract_socket_is_shared_too()
    {
        var name = $"pc-{Guid.NewGuid():N}";
        await using var web = await Started.Web("minimal", workers: 2, ("KESTREL", $"abstract {name}"));
        Assert.Equal(2, (await AnswersOf(new UnixDomainSocketEndPoint($"\0{name}"))).Count);
        // Not by this method, alone neither: it takes absolute paths.
        Assert.Throws<ArgumentException>(() => new KestrelServerOptions().ListenUnixSocket($"\0{name}"));
    }

    [Fact]
    public void A_named_pipe_is_left_to_the_stock_transport()
    {
        var factory = new ClusterTransportFactory(null!, null!, null!, null!, null!, null!, NullLoggerFactory.Instance);
        Assert.False(factory.CanBind(new NamedPipeEndPoint("app")));
        Assert.All(
            (EndPoint[])
            [
                new IPEndPoint(IPAddress.IPv6Any, 80), new UnixDomainSocketEndPoint("/run/app.sock"),
                new FileHandleEndPoint(3, FileHandleType.Auto), new InheritedEndPoint("web"),
            ],
            endPoint => Assert.True(factory.CanBind(endPoint)));
    }

    [Fact]
    public async Task IPv6_only_leaves_the_IPv4_side_of_the_port_to_others()
    {
        var port = Client.FreePort();
        await using var web = await Started.Web("minimal", workers: 2, ("ASPNETCORE_URLS", $"http://[::]:{port}"), ("OPTIONS", "DualMode=false"));
        Assert.Equal(2, (await AnswersOf(new IPEndPoint(IPAddress.IPv6Loopback, port))).Count);
        using var other = new TcpListener(IPAddress.Any, port);
        other.Start();
    }

    [Theory]
    [InlineData("handle 3")]
    [InlineData("inherited web")]
    [InlineData("systemd")]
    public async Task A_handle_is_the_primarys_and_shared_by_all_workers(string kestrel)
    {
        await using var web = TestProcess.Start("activate tcp:web -- web minimal", ("ProcessCluster__Workers", "2"), ("KESTREL", kestrel));
        var port = IPEndPoint.Parse((await web.Expect("^activated 3 (.*)$")).Groups[1].Value);
        await web.Expect($"A cluster of 2 workers listens on http://{Regex.Escape($"{port}")}");
        Assert.Equal(2, (await AnswersOf(port)).Count);
        web.Signal(Signal.SIGHUP);
        await web.Expect("The reload to generation 2 replaced 2 workers");
        Assert.Equal(2, (await AnswersOf(port)).Count);
    }

    [Fact]
    public async Task A_handle_that_the_primary_does_not_have_is_one_clear_error()
    {
        await using var web = TestProcess.Start("web minimal", ("ProcessCluster__Workers", "2"), ("KESTREL", "handle 999"), ("CATCH", "1"));
        Assert.Equal(3, await web.Exit());
        await web.Expect($"^caught in {web.Id}: ClusterStartException: .*The primary's descriptor 999 is not open.");
    }

    [Theory]
    [InlineData("192.0.2.1", "Cannot assign requested address|cannot bind|not available")]
    public async Task An_address_that_cannot_be_is_the_same_error_as_alone(string address, string error)
    {
        var said = new List<string>();
        foreach (var enabled in new[] { "true", "false" })
        {
            await using var web = TestProcess.Start(
                "web minimal", ("ASPNETCORE_URLS", $"http://{address}:8080"), ("ProcessCluster__Enabled", enabled), ("CATCH", "1"));
            Assert.Equal(3, await web.Exit());
            said.Add((await web.Expect($"caught in {web.Id}: .*({error})")).Groups[1].Value);
        }
        Assert.Equal(said[1], said[0]);
    }

    [Fact]
    public async Task An_exclusive_end_point_of_Kestrels_is_a_port_for_each_worker()
    {
        await using var web = await Started.Web("minimal", workers: 1, ("OPTIONS", "Exclusive=true"));
        var first = web.Port;
        await web.Process.Expect("^service started ");
        web.Process.Signal(Signal.SIGTTIN);
        await web.Process.ExpectAll("^service started ", 2);
        foreach (var id in await AnswersOf(new IPEndPoint(IPAddress.Loopback, first)))
            Assert.Equal((await web.WorkerIds())[0], id);
    }

    [Fact]
    public async Task HTTP_3_is_one_error_that_names_the_end_point_and_the_remedy()
    {
        await using var web = TestProcess.Start(
            "web minimal", ("ProcessCluster__Workers", "2"), ("KESTREL", "protocols Http1AndHttp2AndHttp3"), ("CATCH", "1"));
        await ExpectRefusal(web, @"http://127\.0\.0\.1:\d+");
    }

    [Theory]
    [InlineData("Http3", "", false, @"127\.0\.0\.1:0")]
    [InlineData("Http2, Http3", "", false, @"https://127\.0\.0\.1:\d+")]
    [InlineData("Http1AndHttp2AndHttp3", "", true, @"127\.0\.0\.1:\d+")]
    [InlineData(null, "default-protocols Http1AndHttp2AndHttp3", false, @"https://127\.0\.0\.1:\d+")]
    [InlineData(null, "default-protocols Http1AndHttp2AndHttp3", true, @"127\.0\.0\.1:\d+")]
    public async Task HTTP_3_with_TLS_is_the_same_error_wherever_it_is_set(string? protocols, string kestrel, bool isFixed, string named)
    {
        using var certificate = new TestCertificate();
        await using var web = TestProcess.Start(
            "web minimal",
            [
                .. certificate.EndPoint,
                ("Kestrel__Endpoints__Secure__Url", $"https://127.0.0.1:{(isFixed ? Client.FreePort() : 0)}"),
                .. protocols is null ? Array.Empty<(string, string)>() : [("Kestrel__Endpoints__Secure__Protocols", protocols)],
                ("KESTREL", kestrel),
                ("ProcessCluster__Workers", "2"),
                ("CATCH", "1"),
            ]);
        await ExpectRefusal(web, named);
    }

    [Fact]
    public async Task SNI_chooses_the_certificate_and_no_answer_advertises_HTTP_3()
    {
        using var one = new TestCertificate("one.example");
        using var other = new TestCertificate("other.example");
        await using var web = await Started.Web(
            "minimal",
            workers: 2,
            [
                ("Kestrel__Endpoints__Secure__Url", "https://127.0.0.1:0"),
                .. one.At("Kestrel__Endpoints__Secure__Sni__one.example"),
                .. other.At("Kestrel__Endpoints__Secure__Sni__*.other.example"),
            ]);
        foreach (var (host, expected) in new[] { ("one.example", one.Hash), ("a.other.example", other.Hash), ("one.example", one.Hash) })
        {
            using var client = To(web.Port, expected);
            using var answer = await client.GetAsync($"https://{host}:{web.Port}/protocol");
            Assert.Equal("HTTP/2 tls", await answer.Content.ReadAsStringAsync());
            Assert.False(answer.Headers.Contains("alt-svc"));
        }
        using var unknown = To(web.Port, one.Hash);
        await Assert.ThrowsAsync<HttpRequestException>(() => unknown.GetStringAsync($"https://unknown.example:{web.Port}/"));
    }

    [Fact]
    public async Task Client_certificates_are_asked_for_and_seen_by_the_worker()
    {
        using var server = new TestCertificate();
        using var known = new TestCertificate("client");
        using var stranger = new TestCertificate("stranger");
        await using var web = await Started.Web("minimal", workers: 2, [.. server.EndPoint, ("KESTREL", $"client-certificate {known.Hash}")]);
        using var certificate = known.Load();
        for (var i = 0; i < 4; i++)
        {
            using var client = To(web.Port, server.Hash, certificate);
            Assert.Equal(known.Hash, await client.GetStringAsync($"{web.Address}/client-certificate"));
        }
        using var wrong = stranger.Load();
        foreach (var refused in new[] { wrong, null })
        {
            using var client = To(web.Port, server.Hash, refused);
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync($"{web.Address}/client-certificate"));
        }
    }

    [Fact]
    public async Task Connection_middleware_runs_before_HTTP()
    {
        await using var web = await Started.Web("minimal", workers: 2, ("KESTREL", "proxy"));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        for (var i = 0; i < 4; i++)
        {
            using var socket = Client.Connectable(new IPEndPoint(IPAddress.Loopback, web.Port));
            await socket.ConnectAsync(IPAddress.Loopback, web.Port, deadline.Token);
            // In two pieces: the middleware reads until it has the line.
            await socket.SendAsync("PROXY TCP4 203.0.113.7 198.51."u8.ToArray(), deadline.Token);
            await socket.SendAsync("100.1 4711 80\r\nGET /addresses HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"u8.ToArray(), deadline.Token);
            Assert.Contains(" 203.0.113.7:4711", await Client.ReadToEnd(socket, deadline.Token), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WebSockets_carry_large_messages_both_ways(bool tls)
    {
        using var certificate = new TestCertificate();
        await using var web = await Started.Web("minimal", workers: 2, tls ? certificate.EndPoint : []);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            using var socket = new ClientWebSocket();
            socket.Options.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificate.Hash;
            await socket.ConnectAsync(new Uri($"{(tls ? "wss" : "ws")}://127.0.0.1:{web.Port}/ws"), deadline.Token);
            var sent = new byte[1_000_000];
            Random.Shared.NextBytes(sent);
            var sending = socket.SendAsync(sent, WebSocketMessageType.Binary, endOfMessage: true, deadline.Token);
            var received = new byte[sent.Length];
            for (var length = 0; length < received.Length;)
                length += (await socket.ReceiveAsync(received.AsMemory(length), deadline.Token)).Count;
            await sending;
            Assert.Equal(sent, received);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, deadline.Token);
        }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_shaped_like_gRPC_stream_both_ways_and_end_with_trailers(bool tls)
    {
        using var certificate = new TestCertificate();
        var port = Client.FreePort();
        await using var web = await Started.Web("minimal", workers: 2, tls ? certificate.EndPoint : [("HTTP2_PORT", $"{port}")]);
        var served = new HashSet<string>();
        for (var call = 0; call < 4; call++)
        {
            using var client = To(tls ? web.Port : port, certificate.Hash);
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            using var content = new StreamingContent();
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{(tls ? web.Address : $"http://127.0.0.1:{port}")}/grpc")
            {
                Content = content,
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            await using var answers = await answer.Content.ReadAsStreamAsync(deadline.Token);
            for (var i = 0; i < 20; i++)
            {
                var message = Encoding.UTF8.GetBytes($"message {i} of call {call}");
                var frame = new byte[5 + message.Length];
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
                message.CopyTo(frame, 5);
                await content.SendAsync(frame, deadline.Token);
                var echoed = new byte[frame.Length];
                await answers.ReadExactlyAsync(echoed, deadline.Token); // Before the next one is sent.
                Assert.Equal(frame, echoed);
            }
            content.Complete();
            Assert.Equal(0, await answers.ReadAsync(new byte[1], deadline.Token));
            Assert.Equal("0", Assert.Single(answer.TrailingHeaders.GetValues("grpc-status")));
            served.Add(Assert.Single(answer.TrailingHeaders.GetValues("grpc-message")));
        }
        Assert.Equal(2, served.Count);
        Assert.All(served, message => Assert.StartsWith("20 messages by ", message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_changed_configuration_rebinds_in_all_workers_while_requests_run()
    {
        var (old, @new) = (Client.FreePort(), Client.FreePort());
        var file = Path.Combine(_directory.FullName, "appsettings.json");
        void Write(int port) => File.WriteAllText(file, $$"""{ "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:{{port}}" } } } }""");
        Write(old);
        await using var web = await Started.Web("minimal", workers: 2, ("ASPNETCORE_CONTENTROOT", _directory.FullName));
        Assert.Equal(old, web.Port);
        var workers = await web.WorkerIds();
        var running = Enumerable.Range(0, 4).Select(_ => Client.Get(old, "/slow?ms=3000")).ToList();
        await Task.Delay(500); // They are being executed.
        Write(@new);

        // Both workers serve the new port, nobody the old one, and what ran has been answered.
        var answers = await AnswersOf(new IPEndPoint(IPAddress.Loopback, @new), wait: true);
        Assert.Equal(workers, answers.Order());
        foreach (var answer in await Task.WhenAll(running))
            Assert.Contains("slow ", answer, StringComparison.Ordinal);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (await Record.ExceptionAsync(() => Client.Get(old, "/")) is not SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            await Task.Delay(20, deadline.Token);
        Assert.Equal(0, web.Process.Count("crashed|exited"));
    }

    private static async Task ExpectRefusal(TestProcess web, string endPoint)
    {
        Assert.Equal(3, await web.Exit());
        await web.Expect(
            $"^caught in {web.Id}: ClusterStartException: .*NotSupportedException: The end point {endPoint} has HTTP/3, "
            + "which workers of a cluster cannot share. Leave Http3 out of its Protocols");
        await web.ExpectNobodyLeft(TimeSpan.FromSeconds(1));
    }

    /// <summary>The processes that answer; at least as many requests as it takes to meet two, if there are two.</summary>
    private static async Task<HashSet<int>> AnswersOf(EndPoint endPoint, bool wait = false)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answers = new HashSet<int>();
        for (var i = 0; i < 12 || (wait && answers.Count < 2); i++)
        {
            using var socket = Client.Connectable(endPoint);
            try
            {
                await socket.ConnectAsync(endPoint, deadline.Token);
            }
            catch (SocketException) when (wait)
            {
                await Task.Delay(20, deadline.Token);
                continue;
            }
            await socket.SendAsync("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"u8.ToArray(), deadline.Token);
            var answer = await Client.ReadToEnd(socket, deadline.Token);
            answers.Add(int.Parse(Regex.Match(answer, @"^(\d{2,})\r?$", RegexOptions.Multiline).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
        }
        return answers;
    }

    /// <summary>A client whose connections go to the port, whatever the host of the address; it trusts one certificate and may present one.</summary>
    private static HttpClient To(int port, string trusted, X509Certificate2? own = null)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == trusted;
        if (own is not null)
            handler.SslOptions.ClientCertificates = [own];
        return new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version20, Timeout = TimeSpan.FromSeconds(20) };
    }

    /// <summary>A body that is sent piece by piece, while the answer is read.</summary>
    private sealed class StreamingContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task SendAsync(byte[] bytes, CancellationToken deadline)
        {
            var stream = await _stream.Task.WaitAsync(deadline);
            await stream.WriteAsync(bytes, deadline);
            await stream.FlushAsync(deadline);
        }

        public void Complete() => _complete.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            _stream.TrySetResult(stream);
            await _complete.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }

        protected override void Dispose(bool disposing)
        {
            Complete();
            base.Dispose(disposing);
        }
    }
}
