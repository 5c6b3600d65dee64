using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Conformance;

/// <summary>UDP sockets that workers share, and those that they do not.</summary>
public sealed class UdpSockets
{
    [Fact]
    public async Task cluster_child_index_dgram__port_0_can_be_asked_for_again_and_again_and_closed_between()
    {
        await using var cluster = await Puppets.Start(1);
        await cluster.Bind(1);
        cluster.Tell(1, "close 0");
        var second = await cluster.Bind(1);
        var third = await cluster.Bind(1);
        Assert.NotEqual(second, third);
        cluster.Tell(1, "close 1");
        var fourth = await cluster.Bind(1);
        Assert.NotEqual(third, fourth);
        Assert.Equal(0, cluster.Count("^worker 1 failed "));
        foreach (var port in (IPEndPoint[])[third, fourth])
        {
            using var client = new UdpSpecs.Client(port);
            Assert.Equal(await cluster.ProcessOf(1), await client.Ask());
        }
    }

    [Fact]
    public async Task cluster_dgram_2__all_datagrams_of_all_workers_come_from_the_shared_port()
    {
        using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var cluster = await Puppets.Start(4);
        var port = await cluster.Bind(1);
        for (var worker = 2; worker <= 4; worker++)
            Assert.Equal(port, await cluster.Bind(worker));
        for (var worker = 1; worker <= 4; worker++)
            cluster.Tell(worker, $"udp-send {receiver.LocalEndPoint} 10");
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        for (var i = 0; i < 40; i++)
        {
            var datagram = await receiver.ReceiveFromAsync(new byte[100], SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), deadline.Token);
            Assert.Equal(port, datagram.RemoteEndPoint);
        }
    }

    [Fact]
    public async Task cluster_dgram_ipv6only__IPv6_alone_and_IPv4_have_one_port_in_one_worker()
    {
        await using var cluster = await Puppets.Start(1);
        var six = await cluster.Bind(1, "[::]:0 dual=no");
        Assert.Equal(six.Port, (await cluster.Bind(1, $"0.0.0.0:{six.Port}")).Port);
        foreach (var address in (IPAddress[])[IPAddress.Loopback, IPAddress.IPv6Loopback])
        {
            using var client = new UdpSpecs.Client(new IPEndPoint(address, six.Port));
            Assert.Equal(await cluster.ProcessOf(1), await client.Ask());
        }
    }

    /// <summary>
    /// Adapted: a worker has the cluster's socket of an end point once, and is told when it asks again. Sockets that it binds past the library
    /// can be as many as the system lets it have.
    /// </summary>
    [Fact]
    public async Task cluster_dgram_reuse__a_worker_can_bind_a_port_twice_by_itself_and_has_the_clusters_once()
    {
        await using var cluster = await Puppets.Start(1);
        var own = await cluster.Own(1, "own-udp 127.0.0.1:0 reuse");
        Assert.Equal(own, await cluster.Own(1, $"own-udp {own} reuse"));
        var shared = await cluster.Bind(1);
        cluster.Tell(1, $"udp {shared}");
        await cluster.Expect("^worker 1 failed udp: SocketException AddressAlreadyInUse: ");
        using var client = new UdpSpecs.Client(shared);
        Assert.Equal(await cluster.ProcessOf(1), await client.Ask());
    }

    /// <summary>Adapted: it is a socket of the program's own, which the library does not know of.</summary>
    [Fact]
    public async Task cluster_dgram_reuseport__workers_that_bind_one_port_by_themselves_do_not_ask_the_primary()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Own(1, "own-udp 127.0.0.1:0 reuse");
        Assert.Equal(port, await cluster.Own(2, $"own-udp {port} reuse"));
        Assert.Equal(0, cluster.Count("^listening "));
    }

    [Fact]
    public async Task dgram_bind_shared_ports_after_port_0__a_port_that_one_got_for_port_0_can_be_shared_by_its_number()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Bind(1);
        Assert.Equal(port, await cluster.Bind(2, $"{port}"));
        using var client = new UdpSpecs.Client(port);
        await UdpSpecs.AskUntilAll(client, 2);
        cluster.Tell(1, $"udp {port}"); // The same port, asked for twice.
        await cluster.Expect("^worker 1 failed udp: SocketException AddressAlreadyInUse: ");
        cluster.Tell(1, "close 0");
        await cluster.Expect("^worker 1 closed 0$");
        Assert.Equal(await cluster.ProcessOf(2), await client.Ask());
        cluster.Tell(2, "close 0");
        await Wait.Until(() => UdpSpecs.IsFree(port));
    }

    /// <summary>Adapted: what Node calls exclusive is a socket that the worker binds by itself.</summary>
    [Fact]
    public async Task dgram_bind_shared_ports__two_workers_share_one_port_and_nobody_can_have_it_alone()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Bind(1);
        Assert.Equal(port, await cluster.Bind(2, $"{port}"));
        cluster.Tell(2, $"own-udp {port}");
        await cluster.Expect("^worker 2 failed own-udp: SocketException AddressAlreadyInUse: ");
        var alone = await cluster.Own(1, "own-udp 127.0.0.1:0");
        cluster.Tell(2, $"udp {alone}");
        await cluster.Expect("^worker 2 failed udp: SocketException AddressAlreadyInUse: ");
    }

    [Fact]
    public async Task dgram_exclusive_implicit_bind__sockets_that_are_bound_by_sending_have_ports_of_their_own()
    {
        using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var cluster = await Puppets.Start(2);
        Assert.NotEqual(
            (await cluster.Own(1, $"own-udp-unbound {receiver.LocalEndPoint}")).Port,
            (await cluster.Own(2, $"own-udp-unbound {receiver.LocalEndPoint}")).Port);
        Assert.Equal(0, cluster.Count("^listening "));
    }

    [Fact]
    public async Task dgram_cluster_close_in_listening__a_socket_that_is_closed_as_soon_as_it_is_bound_leaves_no_port()
    {
        await using var cluster = await Puppets.Start(1);
        cluster.Tell(1, "udp-at-once 127.0.0.1:0");
        var port = IPEndPoint.Parse((await cluster.Expect("^worker 1 closed (.*)$")).Groups[1].Value);
        await Wait.Until(() => UdpSpecs.IsFree(port));
        cluster.Send("disconnect 1");
        await cluster.ExpectLeft(1);
    }

    /// <summary>Adapted: nothing of the library keeps a program from ending whose <c>Main</c> has returned.</summary>
    [Fact]
    public async Task dgram_unref_in_cluster__a_bound_socket_does_not_keep_a_worker_from_ending()
    {
        await using var cluster = await Puppets.Start(1);
        await cluster.Bind(1);
        cluster.Tell(1, "return 0");
        Assert.StartsWith("Completed code=0 ", await cluster.ExitOf(1), StringComparison.Ordinal);
    }
}
