using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>Whatever a corrupted worker sends, asks for or leaves behind: the primary neither blocks nor grows, and ends that worker with a reason.</summary>
public sealed class CorruptedWorkers
{
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData("two-descriptors", "with more than one descriptor")]
    [InlineData("long-message", "a message of more than 64 bytes")]
    [InlineData("no-socket", "a descriptor that is no connection of the port")]
    [InlineData("no-socket", "a descriptor that is no connection of the port", "Cookie")]
    [InlineData("no-socket", "a descriptor that is no connection of the port", "LeastConnections")]
    [InlineData("listening-socket", "a descriptor that is no connection of the port")]
    [InlineData("datagram-socket", "a descriptor that is no connection of the port")]
    [InlineData("too-many", "it gave back more connections than it was given")]
    [InlineData("descriptor-with-an-answer", "a descriptor that is no connection for another worker")]
    [InlineData("looks", "messages a second that say nothing")]
    [InlineData("rooms", "messages a second that say nothing")]
    public async Task Nonsense_over_the_hand_off_socket_ends_its_worker_and_leaves_no_descriptor(string kind, string reason, string policy = "RoundRobin")
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Dispatch {policy}");
        cluster.Send($"fork hostile-handoff KIND={kind}");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        var before = Descriptors.Count(cluster.Id);
        using var client = Client.Connectable(port);
        await client.ConnectAsync(port);
        await client.SendAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        var exit = (await cluster.Expect("^exited 1 .*$", Promptly)).Value;
        Assert.Contains(reason, exit, StringComparison.Ordinal);
        await cluster.ExpectError(@"worker 1 \(process \d+\) was cut off: ");
        await ServesOthers(cluster); // That one takes the connection that the other was allowed to give back.
        cluster.Send("kill 2 SIGKILL");
        await cluster.Expect("^exited 2 ");
        await Wait.Until(() => Descriptors.Count(cluster.Id) <= before);
        Assert.DoesNotContain("unexpected error", cluster.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("blocking")]
    [InlineData("lingering")]
    public async Task A_connection_that_a_dead_worker_has_spoilt_holds_nobody_up(string kind)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure ConnectionSurvival:Enabled true");
        cluster.Send($"fork hostile-connection KIND={kind}");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        using var client = Client.Connectable(port);
        await client.ConnectAsync(port);
        await client.SendAsync("x\n"u8.ToArray());
        await cluster.Expect("^exited 1 ", Promptly);
        // The client neither reads nor closes.
        await ServesOthers(cluster);
        if (kind == "blocking")
        {
            using var deadline = new CancellationTokenSource(Promptly);
            Assert.Equal("0 gone\n", await Client.ReadToEnd(client, deadline.Token));
        }
    }

    [Fact]
    public async Task A_blocking_connection_that_is_given_back_stops_nobody()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure ConnectionSurvival:Enabled true");
        cluster.Send("fork hostile-connection KIND=blocking-returned");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        using var client = Client.Connectable(port);
        await client.ConnectAsync(port);
        await client.SendAsync("x\n"u8.ToArray());
        await cluster.Expect("^returned$", Promptly);
        cluster.Send("fork outlive");
        await cluster.Expect("^listening 2 ");
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        using var deadline = new CancellationTokenSource(Promptly);
        // The one that has it now, and others that come to the same worker, are answered.
        using var line = new LineClient(client);
        using var other = await LineClient.OpenAsync(port, deadline.Token);
        var second = await cluster.ProcessOf(2);
        Assert.Equal(second, await line.Ask("again", deadline.Token));
        Assert.Equal(second, await other.Ask("other", deadline.Token));
        Assert.Equal(second, await line.Ask("again", deadline.Token));
    }

    [Theory]
    [InlineData("large-credit")]
    [InlineData("small-credit")]
    [InlineData("small")]
    [InlineData("small-request")]
    public async Task A_worker_that_floods_itself_and_reads_nothing_is_ended_before_the_primary_grows(string kind)
    {
        await using var cluster = await MessageSpecs.Workers(2);
        var before = Memory(cluster.Id);
        cluster.Send($"fork hostile-flood KIND={kind}");
        var exit = (await cluster.Expect("^exited 3 .*$", Promptly)).Value;
        Assert.True(exit.Contains("bytes of messages", StringComparison.Ordinal), exit);
        Assert.InRange(Memory(cluster.Id) - before, long.MinValue, 100L << 20);
        cluster.Send("relay 1 2 4");
        await cluster.Expect("^relayed: square 16$");
    }

    [Fact]
    public async Task End_points_of_a_worker_have_a_limit_and_asking_for_more_does_not_keep_the_primary_busy()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork hostile-ports");
        var before = Descriptors.Sockets(cluster.Id);
        var refusal = await cluster.Expect(@"^refused after (\d+): (.*)$", TimeSpan.FromSeconds(30));
        Assert.Equal("512", refusal.Groups[1].Value);
        Assert.Contains("512 end points already", refusal.Groups[2].Value, StringComparison.Ordinal);
        var exit = (await cluster.Expect("^exited 1 .*$", TimeSpan.FromSeconds(30))).Value;
        Assert.Contains("asks for end points again and again", exit, StringComparison.Ordinal);
        Assert.InRange(Descriptors.Sockets(cluster.Id) - before, 0, 512 + 4);
        await ServesOthers(cluster);
    }

    [Fact]
    public async Task Control_messages_without_end_are_cut_off()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork hostile-control");
        var exit = (await cluster.Expect("^exited 1 .*$", TimeSpan.FromSeconds(30))).Value;
        Assert.Contains("control messages a second", exit, StringComparison.Ordinal);
        await ServesOthers(cluster);
    }

    /// <summary>A worker that is forked now gets connections, and answers.</summary>
    private static async Task ServesOthers(TestProcess cluster)
    {
        cluster.Send("fork echo LISTEN=127.0.0.1:0");
        var lines = await cluster.ExpectAll(@"^serving (\S+) (\d+)$", 1, Promptly);
        Assert.Equal(int.Parse(lines[0].Groups[2].Value, CultureInfo.InvariantCulture), await Client.Ask(IPEndPoint.Parse(lines[0].Groups[1].Value), Promptly));
    }

    private static long Memory(int process) =>
        long.Parse(File.ReadAllText($"/proc/{process}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
}
