using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Conformance;

/// <summary>Ports: who has them, who cannot, and what becomes of them.</summary>
public sealed class Listening
{
    /// <summary>
    /// Adapted: a connection that cannot be accepted is not dropped; it waits in the kernel and is served when it can be. What fails accepting
    /// here is that the primary has no descriptor left.
    /// </summary>
    [Fact]
    public async Task cluster_accept_fail__a_primary_that_cannot_accept_lives_on_and_serves_later()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Listen(1);
        await Client.Ask(port);
        await LimitDescriptors(cluster.Id, 1);
        var asking = Client.Ask(port);
        await cluster.ExpectError("No descriptor or memory is left to accept connections of ");
        Assert.False(asking.IsCompleted);
        await LimitDescriptors(cluster.Id, 1000);
        Assert.Equal(await cluster.ProcessOf(1), await asking);
    }

    [Fact]
    public async Task cluster_bind_twice__the_second_cluster_gets_AddressAlreadyInUse()
    {
        await using var first = await Puppets.Start(1);
        var port = await first.Listen(1);
        await using var second = await Puppets.Start(1);
        second.Tell(1, $"listen {port}");
        await second.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
        Assert.Equal(await first.ProcessOf(1), await Client.Ask(port));
    }

    [Fact]
    public async Task cluster_child_index_net__port_0_can_be_asked_for_again_and_again_and_closed_between()
    {
        await using var cluster = await Puppets.Start(1);
        await cluster.Listen(1);
        cluster.Tell(1, "close 0");
        var second = await cluster.Listen(1);
        var third = await cluster.Listen(1);
        Assert.NotEqual(second, third);
        cluster.Tell(1, "close 1");
        var fourth = await cluster.Listen(1);
        Assert.NotEqual(third, fourth);
        Assert.Equal(0, cluster.Count("^worker 1 failed "));
        await Client.Ask(third);
        await Client.Ask(fourth);
    }

    [Fact]
    public async Task cluster_eaccess__a_taken_path_is_an_error_with_its_code_in_the_worker_which_can_be_disconnected_then()
    {
        using var file = new TemporaryFile("taken.sock");
        await File.WriteAllTextAsync(file.Path, "not a socket");
        await using var cluster = await Puppets.Start(1);
        cluster.Tell(1, $"listen {file.Path}");
        await cluster.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
        cluster.Send("disconnect 1");
        await cluster.ExpectLeft(1);
    }

    [Fact]
    public async Task cluster_eaddrinuse__once_the_port_is_free_the_same_worker_can_listen_on_it()
    {
        await using var cluster = await Puppets.Start(1);
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = (IPEndPoint)taken.LocalEndpoint;
        cluster.Tell(1, $"listen {port}");
        await cluster.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
        taken.Stop();
        Assert.Equal(port, await cluster.Listen(1, $"{port}"));
        await Client.Ask(port);
    }

    [Fact]
    public async Task cluster_listening_port__what_is_told_has_the_real_port()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Listen(1);
        Assert.NotEqual(0, port.Port);
        await cluster.Expect($"^listening 1 {port}$");
        await Client.Ask(port);
    }

    /// <summary>Asserted by what the kernel takes: the backlog and one more (<c>man 2 listen</c>), while nobody accepts.</summary>
    [Fact]
    public async Task cluster_net_listen_backlog__the_workers_backlog_is_that_of_the_primarys_socket()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Listen(1, "127.0.0.1:0 backlog=5");
        await TestProcess.Stop(cluster.Id);
        var clients = Enumerable.Range(0, 7).Select(_ => Client.Connectable(port)).ToList();
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            foreach (var client in clients.Take(6))
                await client.ConnectAsync(port, deadline.Token);
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(400)); // A SYN that is dropped is sent again after 1 s.
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await clients[6].ConnectAsync(port, patience.Token));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
            cluster.Signal(Signal.SIGCONT);
        }
        await Client.Ask(port);
    }

    [Fact]
    public async Task cluster_net_listen_ipv6only_false__all_workers_have_one_address_which_takes_IPv4_too()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Listen(1, "[::]:0");
        Assert.Equal(port, await cluster.Listen(2, "[::]:0"));
        await Client.Ask(new IPEndPoint(IPAddress.Loopback, port.Port));
        await Client.Ask(new IPEndPoint(IPAddress.IPv6Loopback, port.Port));
    }

    /// <summary>Adapted: where to listen is always said; the nearest to nothing is port 0 of any address.</summary>
    [Fact]
    public async Task cluster_net_listen__port_0_of_any_address_is_served_and_the_worker_ends_in_order()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Listen(1, "[::]:0");
        await Client.Ask(new IPEndPoint(IPAddress.Loopback, port.Port));
        cluster.Tell(1, "leave");
        await cluster.ExpectLeft(1);
    }

    /// <summary>
    /// Adapted: sockets that a program binds past the library are its own, in a worker as anywhere, so that two of them can have one port where
    /// the system lets them (<c>SO_REUSEPORT</c>).
    /// </summary>
    [Fact]
    public async Task cluster_net_reuseport__a_worker_can_bind_a_port_twice_by_itself_and_the_primary_is_not_asked()
    {
        await using var cluster = await Puppets.Start(1);
        var port = await cluster.Own(1, "own-tcp 127.0.0.1:0 reuse");
        Assert.Equal(port, await cluster.Own(1, $"own-tcp {port} reuse"));
        cluster.Tell(1, "state");
        await cluster.Expect("^worker 1 is Online "); // Not Listening.
        Assert.Equal(0, cluster.Count("^listening "));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task cluster_server_restart_rr__a_worker_closes_and_listens_again_while_another_keeps_the_port(bool port0) => Restart(shared: false, port0);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task cluster_server_restart_none__a_worker_closes_and_listens_again_while_another_keeps_the_port(bool port0) => Restart(shared: true, port0);

    [Fact]
    public async Task cluster_shared_handle_bind_error__a_taken_port_is_an_error_in_the_worker()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var cluster = await Puppets.StartShared(1);
        cluster.Tell(1, $"listen {taken.LocalEndpoint}");
        await cluster.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
    }

    /// <summary>While one worker closes and listens again and again, the other serves all, and no connection stays with the first.</summary>
    [Fact]
    public async Task cluster_worker_handle_close__a_worker_that_closes_its_listener_keeps_no_connection_of_it()
    {
        await using var cluster = await Puppets.Start(2);
        var port = new IPEndPoint(IPAddress.Loopback, Client.FreePort());
        await cluster.Listen(2, $"{port}");
        var worker = await cluster.ProcessOf(1);
        var before = Descriptors.Sockets(worker);
        await cluster.Listen(1, $"{port}");
        await ExpectAnswersOfBoth(cluster, port);
        cluster.Tell(1, "close 0");
        await cluster.Expect("^worker 1 closed 0$");
        cluster.Tell(1, $"restart {port} 60");
        do
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Client.Ask(port)));
        }
        while (cluster.Count("^worker 1 restarted$") == 0);
        await Wait.Until(() => Descriptors.Sockets(worker) == before);
    }

    [Fact]
    public Task cluster_net_listen_ipv6only_none__the_IPv4_side_of_the_port_stays_free() => IPv6Only(shared: true);

    [Fact]
    public Task cluster_net_listen_ipv6only_rr__the_IPv4_side_of_the_port_stays_free() => IPv6Only(shared: false);

    [Fact]
    public async Task cluster_port_reuse_between_workers__what_one_has_closed_another_can_have_and_then_both()
    {
        await using var cluster = await Puppets.Start(2);
        var port = new IPEndPoint(IPAddress.Loopback, Client.FreePort());
        await cluster.Listen(1, $"{port}");
        cluster.Tell(1, $"listen {port}");
        await cluster.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
        cluster.Tell(1, "close 0");
        await cluster.Listen(2, $"{port}");
        Assert.Equal(await cluster.ProcessOf(2), await Client.Ask(port));
        await cluster.Listen(1, $"{port}");
        await ExpectAnswersOfBoth(cluster, port);
    }

    /// <summary>Node fails here. Adapted: for TCP, which Node has no test for.</summary>
    [Fact]
    public async Task dgram_bind_shared_ports_after_port_0__a_TCP_port_too_that_one_got_for_port_0_can_be_shared_by_its_number()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Listen(1);
        Assert.Equal(port, await cluster.Listen(2, $"{port}"));
        await ExpectAnswersOfBoth(cluster, port);
        cluster.Tell(1, $"listen {port}"); // The same port, asked for twice.
        await cluster.Expect("^worker 1 failed listen: SocketException AddressAlreadyInUse: ");
        cluster.Tell(1, "close 0");
        await cluster.Expect("^worker 1 closed 0$");
        Assert.Equal(await cluster.ProcessOf(2), await Client.Ask(port));
        cluster.Tell(2, "close 0");
        await cluster.Expect("^worker 2 closed 0$");
        Assert.Equal(port, await cluster.Listen(1, $"{port}")); // It was closed, and nothing of it is left.
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port));
    }

    /// <summary>Adapted: there is no server object that could listen twice. Two calls for port 0 are two ports, told once each.</summary>
    [Fact]
    public async Task net_listen_twice__two_calls_are_two_ports_told_once_each_and_both_close()
    {
        await using var cluster = await Puppets.Start(1);
        cluster.Tell(1, "listen 127.0.0.1:0");
        cluster.Tell(1, "listen 127.0.0.1:0");
        cluster.Tell(1, "close 0");
        cluster.Tell(1, "close 1");
        await cluster.Expect("^worker 1 closed 1$");
        var told = await cluster.ExpectAll("^listening 1 (.*)$", 2);
        Assert.NotEqual(told[0].Value, told[1].Value);
        cluster.Tell(1, "return 0");
        Assert.StartsWith("Completed code=0 ", await cluster.ExitOf(1), StringComparison.Ordinal);
        Assert.Equal(2, cluster.Count("^listening 1 "));
    }

    /// <summary>Adapted: what is called off is the call that waits for the primary's answer.</summary>
    [Fact]
    public async Task net_server_close_before_ipc_response__who_gives_up_listening_leaves_no_port_and_can_end()
    {
        await using var cluster = await Puppets.Start(1);
        var port = new IPEndPoint(IPAddress.Loopback, Client.FreePort());
        cluster.Tell(1, $"listen-and-give-up {port}");
        await cluster.Expect($"^listening 1 {port}$");
        await Wait.Until(() => IsFree(port));
        Assert.Equal(port, await cluster.Listen(1, $"{port}"));
        await Client.Ask(port);
        cluster.Tell(1, "return 0");
        Assert.StartsWith("Completed code=0 ", await cluster.ExitOf(1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task net_listen_handle_in_cluster_1__a_socket_that_a_worker_has_bound_itself_is_served_by_it_and_the_primary_is_not_asked()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Own(1, "own-tcp 127.0.0.1:0");
        for (var i = 0; i < 4; i++)
            Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port));
        Assert.Equal(0, cluster.Count("^listening "));
        cluster.Tell(1, "leave");
        await cluster.ExpectLeft(1);
    }

    [Fact]
    public async Task net_listen_handle_in_cluster_2__it_is_not_shared_with_those_that_ask_the_cluster_for_the_port()
    {
        await using var cluster = await Puppets.Start(2);
        var port = await cluster.Own(1, "own-tcp 127.0.0.1:0");
        cluster.Tell(2, $"listen {port}");
        await cluster.Expect("^worker 2 failed listen: SocketException AddressAlreadyInUse: ");
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port));
    }

    private static async Task Restart(bool shared, bool port0)
    {
        await using var cluster = await (shared ? Puppets.StartShared(2) : Puppets.Start(2));
        var port = await cluster.Listen(1, port0 ? "127.0.0.1:0" : $"127.0.0.1:{Client.FreePort()}");
        await cluster.Listen(2, $"{port}");
        cluster.Tell(2, "close 0");
        await cluster.Expect("^worker 2 closed 0$");
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(port));
        await cluster.Listen(2, $"{port}");
        await ExpectAnswersOfBoth(cluster, port);
    }

    private static async Task IPv6Only(bool shared)
    {
        await using var cluster = await (shared ? Puppets.StartShared(2) : Puppets.Start(2));
        var port = await cluster.Listen(1, "[::]:0 dual=no");
        Assert.Equal(AddressFamily.InterNetworkV6, port.AddressFamily);
        Assert.Equal(port, await cluster.Listen(2, "[::]:0 dual=no"));
        using var four = new TcpListener(IPAddress.Any, port.Port);
        four.Start();
        await Client.Ask(new IPEndPoint(IPAddress.IPv6Loopback, port.Port));
    }

    private static async Task ExpectAnswersOfBoth(TestProcess cluster, IPEndPoint port)
    {
        var answers = new HashSet<int>();
        for (var i = 0; i < 4; i++)
            answers.Add(await Client.Ask(port));
        Assert.Equal([await cluster.ProcessOf(1), await cluster.ProcessOf(2)], answers.Order());
    }

    private static bool IsFree(IPEndPoint port)
    {
        using var socket = Client.Connectable(port);
        try
        {
            socket.Bind(port);
            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }

    /// <summary>How many descriptors a process can have from now on; it keeps those that it has.</summary>
    private static async Task LimitDescriptors(int process, int count)
    {
        using var limiting = Process.Start("prlimit", ["--pid", $"{process}", $"--nofile={count}:"]);
        await limiting.WaitForExitAsync();
        Assert.Equal(0, limiting.ExitCode);
    }
}
