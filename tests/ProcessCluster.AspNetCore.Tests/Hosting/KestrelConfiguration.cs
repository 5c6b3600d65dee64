using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>What a program configures of Kestrel holds in a cluster as it does alone.</summary>
public sealed class KestrelConfiguration
{
    [Fact]
    public async Task The_address_given_to_Run_wins_over_the_configuration()
    {
        var port = Client.FreePort();
        await using var web = await Started.Web("minimal", workers: 2, ("RUN_URL", $"http://127.0.0.1:{port}"));
        Assert.Equal(port, web.Port);
        using var client = Client.PerRequest(web.Address);
        await client.GetStringAsync("/");
    }

    [Fact]
    public async Task Localhost_means_both_of_its_addresses()
    {
        var port = Client.FreePort();
        await using var web = await Started.Web("minimal", workers: 2, ("ASPNETCORE_URLS", $"http://localhost:{port}"));
        Assert.Equal($"http://localhost:{port}", web.Address);
        using var four = Client.PerRequest($"http://127.0.0.1:{port}");
        await four.GetStringAsync("/");
        if (Socket.OSSupportsIPv6)
        {
            using var six = Client.PerRequest($"http://[::1]:{port}");
            await six.GetStringAsync("/");
        }
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Localhost_of_which_one_address_is_taken_is_an_error_as_it_is_alone(string taken)
    {
        using var other = new TcpListener(IPAddress.Parse(taken), 0);
        other.Start();
        var url = $"http://localhost:{((IPEndPoint)other.LocalEndpoint).Port}";
        foreach (var enabled in new[] { "true", "false" })
        {
            await using var web = TestProcess.Start("web minimal", ("ASPNETCORE_URLS", url), ("ProcessCluster__Enabled", enabled), ("CATCH", "1"));
            Assert.Equal(3, await web.Exit());
            Assert.Matches("caught in .*Failed to bind to address http://.*: address already in use", web.Output);
        }
    }

    [Fact]
    public async Task Any_address_takes_IPv4_and_knows_the_local_and_the_remote_address()
    {
        var port = Client.FreePort();
        await using var web = await Started.Web("minimal", workers: 2, ("ASPNETCORE_URLS", $"http://*:{port}"));
        using var client = Client.PerRequest($"http://127.0.0.1:{port}");
        var addresses = await client.GetStringAsync("/addresses");
        Assert.Matches($@"^(::ffff:)?127\.0\.0\.1:{port} (::ffff:)?127\.0\.0\.1:\d+$", addresses);
    }

    [Fact]
    public async Task End_points_of_the_configuration_with_HTTPS_and_HTTP_2()
    {
        using var certificate = new TestCertificate();
        await using var web = await Started.Web("minimal", workers: 2, certificate.EndPoint);
        Assert.StartsWith("https://", web.Address, StringComparison.Ordinal);
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificate.Hash;
        using var client = new HttpClient(handler) { BaseAddress = new Uri(web.Address), DefaultRequestVersion = HttpVersion.Version20 };
        Assert.Equal("HTTP/2 tls", await client.GetStringAsync("/protocol"));
        Assert.Equal("HTTP/2 tls", string.Join("", await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => client.GetStringAsync("/protocol"))).ContinueWith(t => t.Result.Distinct())));
    }

    [Fact]
    public async Task HTTP_2_without_TLS()
    {
        var port = Client.FreePort();
        await using var web = await Started.Web("minimal", workers: 2, ("HTTP2_PORT", $"{port}"));
        using var client = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port}"),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        Assert.Equal("HTTP/2", await client.GetStringAsync("/protocol"));
    }

    [Fact]
    public async Task Limits_hold()
    {
        await using var web = await Started.Web("minimal", workers: 1, ("BODY_LIMIT", "1000"));
        using var client = Client.PerRequest(web.Address);
        using var small = await client.PostAsync("/length", new ByteArrayContent(new byte[1000]));
        Assert.Equal("1000", await small.Content.ReadAsStringAsync());
        using var large = await client.PostAsync("/length", new ByteArrayContent(new byte[1001]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
    }
}
