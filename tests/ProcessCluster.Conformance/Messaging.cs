namespace ProcessCluster.Conformance;

/// <summary>What primary and workers say to each other.</summary>
public sealed class Messaging
{
    /// <summary>
    /// Adapted: messages are declared types and cannot hold themselves. A circle is an error at the call, in either process. That values of many
    /// types come back as they were is in <c>NodeIpc</c>.
    /// </summary>
    [Fact]
    public async Task cluster_advanced_serialization__a_circle_is_an_error_at_the_call_and_the_link_goes_on()
    {
        await using var cluster = await Puppets.Start(1, "handle");
        cluster.Send("send-ring 1");
        await cluster.Expect("^failed ClusterMessageException: .*refers to itself");
        cluster.Tell(1, "ring");
        await cluster.Expect("^worker 1 failed ring: ClusterMessageException: .*refers to itself");
        cluster.Tell(1, "greet after 1");
        await cluster.Expect("^primary got after 0 from 1$");
    }

    /// <summary>Adapted: what a handler throws is logged, and ends neither the process nor the reading of messages.</summary>
    [Fact]
    public async Task cluster_ipc_throw__a_handler_that_throws_is_logged_and_the_next_message_is_handled()
    {
        await using var cluster = await Puppets.Start(1);
        cluster.Tell(1, "fail");
        cluster.Tell(1, "listen 127.0.0.1:0");
        await cluster.Expect("^worker 1 listens 0 ");
        await cluster.ExpectError("InvalidOperationException: on purpose");
        Assert.Equal(0, cluster.Count("^exited "));
    }

    [Fact]
    public async Task cluster_message__messages_go_both_ways_and_say_whose_they_are()
    {
        await using var cluster = await Puppets.Start(2, "handle");
        cluster.Send("send 1 hello 1");
        await cluster.Expect("^worker 1 got hello 0 from 0$");
        cluster.Tell(2, "greet hello 1");
        await cluster.Expect("^primary got hello 0 from 2$");
        Assert.Equal(0, cluster.Count("^worker 2 got |^primary got .* from 1$"));
    }

    /// <summary>Adapted: there is one channel object; all handlers of a type get each message.</summary>
    [Fact]
    public async Task cluster_worker_events__every_handler_gets_the_message_once()
    {
        await using var cluster = await Puppets.Start(1, "handle", "also-handle");
        cluster.Tell(1, "greet hello 1");
        await cluster.Expect("^primary got hello 0 from 1$");
        await cluster.Expect("^primary also got hello 0 from 1$");
        Assert.Equal(2, cluster.Count("hello 0 from 1$"));
    }

    /// <summary>Adapted: a connection travels beside messages, so that it does not wait for the large one.</summary>
    [Fact]
    public async Task cluster_send_handle_large_payload__large_messages_both_ways_and_a_connection_arrive()
    {
        await using var cluster = await Puppets.Start(1, "handle");
        var port = await cluster.Listen(1);
        cluster.Send("send-blob 1 800000");
        cluster.Tell(1, "blob 800000");
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port));
        await cluster.Expect("^worker 1 got 800000 bytes$");
        await cluster.Expect("^primary got 800000 bytes from 1$");
    }

    [Fact]
    public async Task child_process_fork_closed_channel_segfault__what_waits_for_a_worker_that_dies_fails_and_the_primary_lives_on()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Listen(1);
        var worker = await cluster.ProcessOf(1);
        await TestProcess.Stop(worker);
        cluster.Send("&fill 1");
        await cluster.Expect("^full after ");
        var asking = Enumerable.Range(0, 10).Select(_ => Client.Ask(port)).ToList(); // Connections are on their way, too.
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^failed PeerGoneException: ");
        await cluster.ExitOf(1);
        cluster.Send("send 1 hello 1");
        await cluster.ExpectAll("^failed PeerGoneException: ", 2);
        await cluster.Fork(1);
        await cluster.Listen(2);
        Assert.All(await Task.WhenAll(asking), answer => Assert.NotEqual(worker, answer));
    }
}
