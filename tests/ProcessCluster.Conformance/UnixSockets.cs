using System.Net.Sockets;

namespace ProcessCluster.Conformance;

/// <summary>Unix domain sockets.</summary>
public sealed class UnixSockets
{
    [Fact]
    public async Task cluster_http_pipe__HTTP_is_served_over_a_path_and_there_are_no_addresses()
    {
        using var file = new TemporaryFile("http.sock");
        await using var web = TestProcess.Start("web minimal", ("RUN_URL", $"http://unix:{file.Path}"), ("ProcessCluster__Workers", "1"));
        await web.Expect("A cluster of 1 workers listens on ");
        var endPoint = new UnixDomainSocketEndPoint(file.Path);
        using var client = Client.Connectable(endPoint);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await client.ConnectAsync(endPoint, deadline.Token);
        await client.SendAsync("GET /addresses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), deadline.Token);
        var answer = await Client.ReadToEnd(client, deadline.Token);
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains("\n:0 :0\r\n", answer, StringComparison.Ordinal); // No local address, no remote one.
    }

    /// <summary>Adapted: the file goes with the listener of the last worker that closes it, or with the cluster; not with a worker that dies.</summary>
    [Fact]
    public async Task cluster_net_listen_relative_path__a_short_path_from_a_worker_elsewhere_works_where_the_whole_is_too_long()
    {
        using var file = new TemporaryFile("short.sock");
        var folder = Directory.CreateDirectory(Path.Combine(file.Folder, new string('x', 120)));
        var below = folder.CreateSubdirectory("worker");
        var link = Path.Combine(file.Folder, "link");
        Directory.CreateSymbolicLink(link, folder.FullName);
        var primary = TestProcess.StartFile("sh", $"-c \"cd {folder.FullName} && exec {TestPaths.TestApp} driver\"");
        await using var cluster = await Puppets.Start(primary, 1, $"configure WorkingDirectory {below.FullName}");
        cluster.Tell(1, "listen ../short.sock");
        await cluster.Expect("^listening 1 ");
        Assert.True(File.Exists(Path.Combine(folder.FullName, "short.sock")));
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(new UnixDomainSocketEndPoint(Path.Combine(link, "short.sock"))));
        cluster.Tell(1, "close 0");
        await Wait.Until(() => !File.Exists(Path.Combine(folder.FullName, "short.sock")));

        cluster.Tell(1, "listen ../again.sock");
        await cluster.ExpectAll("^listening 1 ", 2);
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.Empty(Directory.GetFiles(folder.FullName));

        await cluster.Fork(1);
        cluster.Tell(2, $"listen {new string('y', 100)}.sock"); // Too long from wherever it is seen.
        await cluster.Expect("^worker 2 failed listen: ArgumentException: ");
    }
}
