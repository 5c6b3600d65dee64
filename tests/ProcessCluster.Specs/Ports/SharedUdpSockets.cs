using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>One UDP port, many processes: who gets a datagram, and what becomes of it when that process dies.</summary>
public sealed class SharedUdpSockets
{
    [Fact]
    [Trait("Node", "test-cluster-dgram-1")]
    public async Task Workers_share_a_port_and_take_turns()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 4);
        using var client = new UdpSpecs.Client(port);
        var asked = await UdpSpecs.AskUntilAll(client, 4); // Now all of them wait.
        var answers = new List<int>();
        for (var i = 0; i < 200; i++)
            answers.Add(await client.Ask());
        var shares = answers.GroupBy(id => id).Select(group => group.Count()).ToList();
        // Of workers that all wait, the one that has waited longest is woken; a quick one may come back before another waits.
        Assert.Equal(4, shares.Count);
        Assert.All(shares, share => Assert.InRange(share, 10, 110));

        cluster.Send("disconnect");
        var received = await cluster.Numbers(@"^received (\d+) by ", 4);
        Assert.Equal(asked + 200, received.Sum());
    }

    [Theory]
    [Trait("Node", "test-cluster-dgram-2")]
    [InlineData("[::1]:0", "::1")]
    [InlineData("[::]:0", "::1")]
    [InlineData("[::]:0", "127.0.0.1")]
    [InlineData("0.0.0.0:0", "127.0.0.1")]
    public async Task Every_kind_of_address_is_shared_and_answers_come_from_the_shared_port(string listen, string address)
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 2, $"LISTEN={listen}");
        // The client is connected: it gets nothing that comes from another port.
        using var client = new UdpSpecs.Client(new IPEndPoint(IPAddress.Parse(address), port.Port));
        await UdpSpecs.AskUntilAll(client, 2);
    }

    [Fact]
    [Trait("Node", "test-cluster-dgram-ipv6only")]
    public async Task IPv6_alone_leaves_the_port_to_IPv4()
    {
        await using var cluster = TestProcess.Start("driver");
        var six = await UdpSpecs.Echo(cluster, 1, "LISTEN=[::]:0 DUAL=no");
        cluster.Send($"fork udp-echo LISTEN=0.0.0.0:{six.Port}");
        await cluster.Expect(@"^bound 0\.0\.0\.0:");
        using var client = new UdpSpecs.Client(new IPEndPoint(IPAddress.Loopback, six.Port));
        Assert.Equal(await cluster.ProcessOf(2), await client.Ask());

        // Both kinds are another end point, which is taken.
        cluster.Send($"fork udp-catch LISTEN=[::]:{six.Port}");
        await cluster.Expect("^caught AddressAlreadyInUse: ");
    }

    [Fact]
    public async Task The_same_port_can_be_shared_over_TCP_and_over_UDP()
    {
        // Of a port that another process does not have for TCP.
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = (IPEndPoint)free.LocalEndPoint!;
        await using var cluster = TestProcess.Start("driver");
        Assert.Equal(port, await UdpSpecs.Echo(cluster, 1, $"LISTEN={port}"));
        cluster.Send($"fork echo LISTEN={port}");
        await cluster.Expect($"^listening 2 {port}$");
        await cluster.Expect($"^listening 1 {port} Dgram$");
        Assert.Equal(await cluster.ProcessOf(2), await ProcessCluster.Testing.Client.Ask(port));
        using var client = new UdpSpecs.Client(port);
        Assert.Equal(await cluster.ProcessOf(1), await client.Ask());
    }

    [Fact]
    public async Task What_came_while_no_worker_lived_is_received_by_the_next_one()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 1);
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        using var client = new UdpSpecs.Client(port);
        for (var i = 0; i < 10; i++)
            client.Send();
        cluster.Send("fork udp-echo");
        var second = await cluster.ProcessOf(2);
        for (var i = 0; i < 10; i++)
            Assert.Equal(second, await client.Answer());
    }

    [Fact]
    public async Task A_worker_that_is_busy_with_a_datagram_does_not_hold_up_the_next_ones()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork udp-read-one");
        var port = await UdpSpecs.Port(cluster, 1);
        using var client = new UdpSpecs.Client(port);
        client.Send();
        await cluster.Expect("^read 1 bytes from ");
        cluster.Send("fork udp-echo");
        await UdpSpecs.Port(cluster, 2);
        var other = await cluster.ProcessOf(2);
        for (var i = 0; i < 50; i++)
            Assert.Equal(other, await client.Ask());
    }

    [MeasuresTime]
    [Fact]
    public async Task A_stopped_worker_takes_no_datagram_that_another_could_receive()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 2);
        using var client = new UdpSpecs.Client(port);
        await UdpSpecs.AskUntilAll(client, 2); // Both wait for the next one.
        var stopped = await cluster.ProcessOf(1);
        await TestProcess.Stop(stopped);
        var other = await cluster.ProcessOf(2);
        // One of these wakes the stopped one alone, and nothing comes after it that would wake the other.
        for (var i = 0; i < 5; i++)
        {
            var watch = Stopwatch.StartNew();
            Assert.Equal(other, await client.Ask());
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(3));
        }
        TestProcess.SendSignal(stopped, Signal.SIGCONT);
        await UdpSpecs.AskUntilAll(client, 2);
    }

    [Fact]
    public async Task Killing_workers_under_load_loses_only_what_they_had_read()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 3);
        using var client = new UdpSpecs.Client(port);
        const int Sent = 20_000, UnderWay = 100; // So few that no buffer overflows.
        using var room = new SemaphoreSlim(UnderWay);
        var answered = 0;
        var answering = ReceiveAsync();
        for (var i = 0; i < Sent; i++)
        {
            Assert.True(await room.WaitAsync(TimeSpan.FromSeconds(20)), $"{answered} answers after {i} datagrams");
            client.Send();
            if (i == Sent / 4)
                cluster.Send("kill 1 SIGKILL");
            if (i == Sent / 2)
                cluster.Send("kill 2 SIGKILL");
        }
        await answering;
        await cluster.ExpectAll("^exited ", 2);

        // Each of the two that died had at most one in its hands.
        async Task ReceiveAsync()
        {
            for (; answered < Sent - 2; answered++)
            {
                await client.Answer();
                room.Release();
            }
        }
    }

    [Fact]
    public async Task A_worker_that_leaves_receives_no_more_and_can_still_answer()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork udp-send-while-leaving");
        var port = await UdpSpecs.Port(cluster, 1);
        using var client = new UdpSpecs.Client(port);
        client.Send();
        await cluster.Expect("^received$");
        cluster.Send("disconnect 1");
        await cluster.Expect(@"^then \.$");
        Assert.Equal(await cluster.ProcessOf(1), await client.Answer());
        Assert.Contains(" Requested code=0 ", (await cluster.Expect("^exited 1 .*")).Value, StringComparison.Ordinal);

        // The port is still there for others.
        Assert.Equal(port, await UdpSpecs.Echo(cluster, 1));
    }

    [Fact]
    public async Task A_worker_that_closes_its_socket_hurts_no_other()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 1);
        cluster.Send("fork udp-close-while-receiving");
        await cluster.Expect(@"^closed, received  and \.$");
        using var client = new UdpSpecs.Client(port);
        for (var i = 0; i < 50; i++)
            Assert.Equal(await cluster.ProcessOf(1), await client.Ask());
    }

    [Fact]
    [Trait("Node", "test-cluster-child-index-dgram")]
    public async Task The_last_live_worker_that_closes_its_socket_closes_the_port()
    {
        await using var cluster = TestProcess.Start("driver");
        await cluster.Expect("^primary ");
        var before = Descriptors.Sockets(cluster.Id);
        cluster.Send("fork udp-bind-and-close");
        var port = IPEndPoint.Parse((await cluster.Expect("^bound and closed (.*)$")).Groups[1].Value);
        await Wait.Until(() => UdpSpecs.IsFree(port));
        await Wait.Until(() => Descriptors.Sockets(cluster.Id) <= before + 1); // The hand-off socket of the worker.
        await cluster.ExpectAll("^listening 1 ", 300); // Told by the primary: maybe later than what the worker has told.
    }

    [Fact]
    public async Task The_port_is_free_when_the_cluster_is_gone_and_the_cluster_can_bind_it_again()
    {
        await using var cluster = TestProcess.Start("driver");
        await cluster.Expect("^primary ");
        var before = Descriptors.Sockets(cluster.Id);
        var port = await UdpSpecs.Echo(cluster, 2);
        Assert.False(UdpSpecs.IsFree(port));
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.True(UdpSpecs.IsFree(port));
        Assert.Equal(before, Descriptors.Sockets(cluster.Id));
        Assert.Equal(port, await UdpSpecs.Echo(cluster, 1, $"LISTEN={port}"));
    }

    [Fact]
    [Trait("Node", "test-dgram-cluster-bind-error")]
    public async Task A_taken_port_is_the_error_that_the_worker_would_have_had_alone()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = taken.LocalEndPoint;
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork udp-catch LISTEN={port}");
        await cluster.Expect("^caught AddressAlreadyInUse: ");
        await cluster.Expect("^exited 1 Completed");

        // Nothing is poisoned: the same end point can be asked for again.
        taken.Dispose();
        cluster.Send($"fork udp-catch LISTEN={port}");
        await cluster.Expect($"^bound after all {port}$");
    }

    [Theory]
    [InlineData("alone-udp-mistakes")]
    [InlineData("driver")]
    public async Task What_cannot_be_is_said_at_the_call(string program)
    {
        await using var cluster = TestProcess.Start(program);
        if (program == "driver")
            cluster.Send("fork udp-mistakes");
        await cluster.Expect("^all tried$");
        foreach (var line in (string[])
            [
                "^bind path: NotSupportedException: A UDP socket cannot be bound to '/tmp/none.sock' .*: give an IPEndPoint.$",
                "^bind name: NotSupportedException: .*DnsEndPoint.*: give an IPEndPoint.$",
                "^bind elsewhere: SocketException AddressNotAvailable: ",
                "^bind options: ArgumentException: ReceiveBufferBytes is -1: .* SendBufferBytes is -2: ",
                "^bind again: SocketException AddressAlreadyInUse: ",
                "^send long: SocketException MessageSize: ",
                "^send to name: ArgumentException: A datagram cannot be sent to .*: give an IPEndPoint",
                "^send to path: ArgumentException: A datagram cannot be sent to .*Unix",
                "^send to IPv6: SocketException AddressFamilyNotSupported: ",
                "^receive to short address: ArgumentException: The address has room for 4 bytes",
                "^receive too little: SocketException MessageSize: A datagram of 65507 bytes does not fit in the buffer of 100 and is lost",
                "^receive cancelled: (Task|Operation)CanceledException: ",
                "^send cancelled: (Task|Operation)CanceledException: ",
                "^empty one has 0 bytes$",
                @"^disposed, received \.$",
                "^send disposed: ObjectDisposedException: ",
            ])
        {
            Assert.True(cluster.Count(line) == 1, $"{line} is not in: {cluster.Describe()}");
        }
    }

    [Fact]
    public async Task A_worker_without_a_descriptor_left_is_told_and_can_bind_again()
    {
        await using var cluster = TestProcess.StartFile("sh", $"-c \"ulimit -n 400; exec {TestPaths.TestApp} driver\"");
        cluster.Send("fork udp-no-descriptors");
        await cluster.Expect("^bind: SocketException TooManyOpenSockets: ");
        await cluster.Expect("^bound after all, another: True$");
        await cluster.Expect("^exited 1 Completed code=0 ");
    }

    [Fact]
    public async Task More_sockets_than_can_be_on_their_way_at_once_arrive_all_the_same()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork udp-many");
        await cluster.Expect("^has 400$");
        await cluster.Expect("^exited 1 Completed code=0 ");
    }

    [Fact]
    [Trait("Node", "test-dgram-bind-socket-close-before-cluster-reply")]
    public async Task Who_gives_up_waiting_for_a_socket_leaves_none_behind()
    {
        await using var cluster = TestProcess.Start("driver");
        await cluster.Expect("^primary ");
        var before = Descriptors.Sockets(cluster.Id);
        cluster.Send("fork udp-give-up");
        var last = await cluster.Expect(@"^gave up (\d+), has (.*)$");
        Assert.NotEqual("0", last.Groups[1].Value);
        await Wait.Until(() => Descriptors.Sockets(cluster.Id) == before + 2); // The hand-off socket and the last one.
    }

    [Fact]
    [Trait("Node", "test-dgram-cluster-close-during-bind")]
    public async Task A_worker_that_binds_while_the_cluster_is_disconnected_leaves_in_order_and_no_port_stays_bound()
    {
        await using var cluster = TestProcess.Start("driver");
        await cluster.Expect("^primary ");
        var before = Descriptors.Sockets(cluster.Id);
        for (var i = 1; i <= 3; i++)
        {
            cluster.Send("fork udp-keep-binding");
            await cluster.Expect($"^listening {i} ");
            cluster.Send("disconnect");
            Assert.Contains(" Requested code=0 ", (await cluster.Expect($"^exited {i} .*")).Value, StringComparison.Ordinal);
            await cluster.ExpectAll("^all gone, 0 left$", i);
        }
        Assert.Equal(before, Descriptors.Sockets(cluster.Id));
    }

    [Fact]
    public async Task A_worker_that_asks_for_what_cannot_be_hurts_nobody()
    {
        await using var cluster = TestProcess.Start("driver");
        await cluster.Expect("^primary ");
        const string hello = "0900000001" + "01000000" + "01000000";
        // A UDP socket with buffers of -1 bytes, which is closed before it can have come; ports that are none.
        const string port = "1d00000014" + "02000000" + "02" + "0700" + "302e302e302e30" + "00000000" + "0001" + "ffffffff" + "ffffffff";
        const string close = "0500000006" + "01000000" + "0500000006" + "02000000" + "0500000005" + "63000000";
        cluster.Send($"fork raw RAW={hello}{port}{close}");
        await cluster.Expect("^written$");
        var echo = await UdpSpecs.Echo(cluster, 1);
        using var client = new UdpSpecs.Client(echo);
        Assert.Equal(await cluster.ProcessOf(2), await client.Ask());
        cluster.Send("workers");
        await cluster.Expect("^workers 1:Online,2:Listening$");

        // What only a primary says.
        cluster.Send($"fork raw RAW={hello}05000000" + "15" + "01000000");
        await cluster.ExpectError(@"worker 3 \(process \d+\) was cut off: it sent Unread, which a worker does not send");
        Assert.Equal(await cluster.ProcessOf(2), await client.Ask());
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
    }

    [Fact]
    public async Task Outside_a_cluster_the_same_program_binds_by_itself()
    {
        await using var alone = TestProcess.Start("alone-udp-echo");
        var port = await UdpSpecs.Port(alone, 1);
        using var client = new UdpSpecs.Client(port);
        for (var i = 0; i < 10; i++)
            Assert.Equal(alone.Id, await client.Ask());
        alone.Signal(Signal.SIGKILL);
        await alone.Exit();
    }
}
