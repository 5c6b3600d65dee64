using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Conformance;

/// <summary>Workers that leave, one or all, at awkward moments.</summary>
public sealed class Disconnecting
{
    /// <summary>Adapted: 4 workers rather than the number of processors and a storm of 200 orders; what sending may throw is that the worker is gone.</summary>
    [Fact]
    public async Task cluster_concurrent_disconnect__in_a_storm_of_orders_to_leave_all_workers_end_in_order()
    {
        await using var cluster = await Puppets.Start(4);
        cluster.Send("orders 50");
        var thrown = (await cluster.Expect("^ordered, thrown: (.*)$")).Groups[1].Value;
        Assert.Contains(thrown, (string[])["", "PeerGoneException"]);
        for (var worker = 1; worker <= 4; worker++)
            await cluster.ExpectLeft(worker);
    }

    [Fact]
    public async Task cluster_disconnect_before_exit__the_cluster_can_be_disconnected_when_a_worker_has_been()
    {
        await using var cluster = await Puppets.Start(2, "when-disconnected disconnect-all");
        cluster.Tell(1, "leave");
        await cluster.Expect("^all gone after 1, 0 left$");
        await cluster.ExpectLeft(1);
        await cluster.ExpectLeft(2);
    }

    [Fact]
    public async Task cluster_disconnect_exitedAfterDisconnect_race__when_the_link_is_closed_the_primary_knows_that_it_was_wanted()
    {
        await using var cluster = await Puppets.Start(1, "watch");
        cluster.Tell(1, "leave");
        await cluster.ExpectLeft(1);
        Assert.Equal(1, cluster.Count("^cluster disconnected 1 .* asked=True"));
        await cluster.Expect("^worker 1 left, connected=False state=Disconnected asked=True$");
    }

    /// <summary>Adapted: a worker that is still starting has nothing to finish and is killed, so its exit is not asserted.</summary>
    [Fact]
    public async Task cluster_disconnect_idle_worker__right_after_two_forks_it_completes_and_nobody_is_left()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork puppet");
        cluster.Send("fork puppet");
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        cluster.AssertEndedOnce(1);
        cluster.AssertEndedOnce(2);
    }

    [Fact]
    public async Task cluster_disconnect_leak__a_disconnect_that_meets_a_pending_listen_ends_in_order()
    {
        await using var cluster = await Puppets.StartShared(1);
        cluster.Tell(1, "listen 127.0.0.1:0");
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        await cluster.ExpectLeft(1);
    }

    [Fact]
    public async Task cluster_disconnect_race__one_worker_leaves_while_another_comes_online_and_leaves_too()
    {
        await using var cluster = await Puppets.StartShared(1, "when-online disconnect 2");
        await cluster.Listen(1);
        cluster.Send("fork puppet");
        cluster.Send("&disconnect 1");
        await cluster.ExpectLeft(1);
        await cluster.ExpectLeft(2);
    }

    [Fact]
    public async Task cluster_disconnect_unshared_tcp__a_worker_that_never_listened_leaves_while_another_listens()
    {
        await using var cluster = await Puppets.StartShared(2);
        var port = await cluster.Listen(2);
        cluster.Send("disconnect 1");
        await cluster.ExpectLeft(1);
        Assert.Equal(await cluster.ProcessOf(2), await Client.Ask(port));
        cluster.Send("disconnect 2");
        await cluster.ExpectLeft(2);
    }

    [Fact]
    public async Task cluster_disconnect_unshared_udp__a_worker_that_never_bound_leaves_while_another_receives()
    {
        await using var cluster = await Puppets.StartShared(2);
        var port = await cluster.Bind(2);
        cluster.Send("disconnect 1");
        await cluster.ExpectLeft(1);
        using var client = new UdpSpecs.Client(port);
        Assert.Equal(await cluster.ProcessOf(2), await client.Ask());
        cluster.Send("disconnect 2");
        await cluster.ExpectLeft(2);
    }

    /// <summary>Adapted: that the callback is called later, never at once, has no counterpart in a task.</summary>
    [Fact]
    public async Task cluster_disconnect_with_no_workers__it_completes()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
    }

    /// <summary>Adapted: 4 workers rather than 8.</summary>
    [Fact]
    public async Task cluster_disconnect__two_ports_are_served_and_closed_and_the_whole_can_be_done_again()
    {
        await using var cluster = TestProcess.Start("driver");
        for (var round = 0; round < 2; round++)
        {
            await cluster.Fork(4);
            var ports = new HashSet<IPEndPoint>();
            for (var worker = (round * 4) + 1; worker <= (round + 1) * 4; worker++)
            {
                ports.Add(await cluster.Listen(worker));
                ports.Add(await cluster.Listen(worker));
            }
            Assert.Equal(2, ports.Count);
            foreach (var port in ports)
                await Client.Ask(port);
            cluster.Send("disconnect");
            await cluster.ExpectAll("^all gone, 0 left$", round + 1);
            foreach (var port in ports)
                Assert.Equal(SocketError.ConnectionRefused, (await Assert.ThrowsAsync<SocketException>(() => Client.Ask(port))).SocketErrorCode);
        }
        Assert.Equal(8, cluster.Count(@"^exited \d+ Requested code=0 "));
    }

    [Fact]
    public async Task cluster_shared_leak__two_workers_with_a_connection_leave_in_order()
    {
        await using var cluster = await Puppets.StartShared(2);
        var port = await cluster.Listen(1);
        Assert.Equal(port, await cluster.Listen(2));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var client = Client.Connectable(port);
        await client.ConnectAsync(port, deadline.Token);
        await cluster.Expect("^worker . has a connection$");
        cluster.Send("&disconnect 1");
        cluster.Send("&disconnect 2");
        await cluster.ExpectAll("^worker . shall leave$", 2);
        await Client.Ask(client, deadline.Token);
        await cluster.ExpectLeft(1);
        await cluster.ExpectLeft(2);
    }

    [Fact]
    public async Task cluster_worker_disconnect_on_error__a_worker_that_cannot_listen_leaves_there_in_order()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var cluster = await Puppets.StartShared(1);
        cluster.Tell(1, $"listen {taken.LocalEndpoint} or-leave");
        await cluster.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
        await cluster.ExpectLeft(1);
    }

    /// <summary>Adapted: how long it may stay is not for ever when the primary asked for it, but at most <c>DrainTimeout</c>. Here it asks itself.</summary>
    [Fact]
    public async Task cluster_worker_no_exit__a_disconnected_worker_stays_for_as_long_as_an_outgoing_connection_is_open()
    {
        using var peer = new TcpListener(IPAddress.Loopback, 0);
        peer.Start();
        await using var cluster = await Puppets.Start(1);
        await cluster.Listen(1);
        cluster.Tell(1, $"connect {peer.LocalEndpoint}");
        using (await peer.AcceptSocketAsync())
        {
            cluster.Tell(1, "leave");
            await cluster.Expect("^disconnected 1$");
            await cluster.Expect("^worker 1 shall leave$");
            Assert.Contains(await cluster.ProcessOf(1), cluster.Descendants);
            Assert.Equal(0, cluster.Count("^worker 1 was left by "));
        }
        await cluster.Expect("^worker 1 was left by ");
        await cluster.ExpectLeft(1);
    }

    [Fact]
    public async Task cluster_worker_wait_server_close__the_link_closes_only_after_the_last_connection()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Listen(1);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var client = Client.Connectable(port);
        await client.ConnectAsync(port, deadline.Token);
        await cluster.Expect("^worker 1 has a connection$");
        cluster.Send("&disconnect 1");
        await cluster.Expect("^worker 1 shall leave$");
        Assert.Equal(0, cluster.Count("^disconnected 1$"));
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(client, deadline.Token));
        await cluster.ExpectLeft(1);
    }

    /// <summary>Adapted: nothing of the library keeps a program from ending whose <c>Main</c> has returned, be its listener closed or open.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task cluster_rr_handle_close__a_listener_closed_or_not_does_not_keep_a_worker_from_ending(bool closed)
    {
        await using var cluster = await Puppets.Start(1);
        await cluster.Listen(1);
        if (closed)
        {
            cluster.Tell(1, "close 0");
            await cluster.Expect("^worker 1 closed 0$");
        }
        cluster.Tell(1, "return 0");
        Assert.StartsWith("Completed code=0 signal= asked=False", await cluster.ExitOf(1), StringComparison.Ordinal);
    }

    /// <summary>Adapted: a worker that only listens stays up, through many times the silence after which it would be taken for hung.</summary>
    [Fact]
    public async Task cluster_rr_handle_keep_loop_alive__a_worker_that_does_nothing_but_listen_stays_up()
    {
        await using var cluster = await Puppets.Start(1, "configure HeartbeatInterval 00:00:00.020 HeartbeatTimeout 00:00:00.500");
        var port = await cluster.Listen(1);
        // It is the time that is waited for: the worker shall do nothing in it.
        await Assert.ThrowsAsync<Xunit.Sdk.XunitException>(() => cluster.Expect("^(exited|hung|disconnected) 1", TimeSpan.FromSeconds(1.5)));
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port));
    }
}
