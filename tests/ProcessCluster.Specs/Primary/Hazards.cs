using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>
/// What goes wrong when .NET processes share sockets through System.Net.Sockets: a holder that closes a listener sets SO_LINGER on it for
/// everybody or shuts it down; a holder that closes or finalizes an accepted connection resets it for everybody. None of it here.
/// </summary>
public sealed class Hazards
{
    [Theory]
    [InlineData("kill 1 SIGKILL", ListenMode.Handoff)]
    [InlineData("kill 1 SIGTERM", ListenMode.Handoff)]
    [InlineData("disconnect 1", ListenMode.Handoff)]
    [InlineData("kill 1 SIGKILL", ListenMode.SharedListener)]
    [InlineData("disconnect 1", ListenMode.SharedListener)]
    [InlineData("kill 1 SIGKILL", ListenMode.ReusePort)]
    [InlineData("disconnect 1", ListenMode.ReusePort)]
    public async Task A_worker_that_ends_while_it_accepts_hurts_neither_the_port_nor_later_connections(string end, ListenMode mode)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Mode {mode}");
        cluster.Send("fork echo");
        cluster.Send("fork echo");
        var port = IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (.*)$", 2))[0].Groups[1].Value);
        cluster.Send(end);
        await cluster.Expect("^exited 1 ");
        // Each ends with the whole answer and a clean end: a reset would be an exception.
        for (var i = 0; i < 50; i++)
            await Client.Ask(port);
    }

    [Fact]
    public async Task A_worker_that_closes_its_listener_hurts_no_other()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork echo LISTEN=127.0.0.1:0");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (.*)$")).Groups[1].Value);
        cluster.Send("fork close-listener LISTEN=127.0.0.1:0");
        await cluster.Expect("^closed$");
        for (var i = 0; i < 50; i++)
            await Client.Ask(port);
    }

    [Fact]
    public async Task The_primarys_garbage_collector_and_the_end_of_its_copy_leave_a_connection_alone()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork echo");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (.*)$")).Groups[1].Value);
        var before = Descriptors.Count(cluster.Id);
        var sockets = new List<Socket>();
        try
        {
            for (var i = 0; i < 20; i++)
            {
                var socket = Client.Connectable(port);
                sockets.Add(socket);
                await socket.ConnectAsync(port);
            }
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            while (Descriptors.Count(cluster.Id) > before)
                await Task.Delay(10, deadline.Token);
            cluster.Send("collect");
            await cluster.Expect("^collected$");
            await Task.WhenAll(sockets.Select(socket => Client.Ask(socket, deadline.Token)));
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task A_primary_without_descriptors_says_so_once_does_not_spin_and_goes_on_when_it_has_some()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork echo");
        var port = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (.*)$")).Groups[1].Value);
        await Client.Ask(port);
        var before = FileLimit.Exhaust(cluster.Id);
        var asking = Enumerable.Range(0, 10).Select(_ => Client.Ask(port)).ToList();
        await cluster.ExpectError("No descriptor or memory is left to accept connections of 127.0.0.1:");
        var busy = ProcessorTime(cluster.Id);
        await Task.Delay(1000); // Time in which it could spin.
        Assert.InRange(ProcessorTime(cluster.Id) - busy, TimeSpan.Zero, TimeSpan.FromSeconds(0.5));
        Assert.DoesNotContain(asking, task => task.IsCompleted);

        FileLimit.Set(cluster.Id, before);
        await Task.WhenAll(asking);
        Assert.Equal(1, cluster.Errors.Split("No descriptor or memory").Length - 1);
    }

    private static TimeSpan ProcessorTime(int id)
    {
        using var process = System.Diagnostics.Process.GetProcessById(id);
        return process.TotalProcessorTime;
    }
}
