using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Specs;

/// <summary>
/// What Node's tests of child_process assert of sockets and servers that are sent in messages, adapted: here connections are handed to
/// workers by the cluster, over a way of their own, and a UDP socket is asked for by the worker. The tests' names are in the traits.
/// </summary>
public sealed class NodeHandles
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Node: a message, a message with a handle and a message, received together, come in the order in which they were sent. Here: the
    /// messages keep their order and the connection comes too, before, between or after them, since it does not travel with them.
    /// </summary>
    [Fact]
    [Trait("Node", "test-child-process-recv-handle")]
    public async Task Messages_keep_their_order_and_a_connection_among_them_arrives()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await Hold(cluster, 1);
        var worker = await cluster.ProcessOf(1);
        await TestProcess.Stop(worker); // So that they come together.
        cluster.Send("send 1 before 2");
        await cluster.Expect("^sent 2$");
        using var client = await Connect(port);
        cluster.Send("send 1 after 3");
        await cluster.Expect("^sent 3$");
        TestProcess.SendSignal(worker, Signal.SIGCONT);

        Assert.Equal(worker, await Greeting(client));
        var messages = await cluster.ExpectAll("^worker 1 got (.*)$", 5);
        Assert.Equal(["before 0", "before 1", "after 0", "after 1", "after 2"], messages.Select(match => match.Groups[1].Value));
    }

    /// <summary>
    /// Node: with keepOpen the parent has the socket that it sent still open, and both can write to it. Here: a connection has one owner at
    /// a time. The primary keeps its copy until the worker's program has taken the connection, so that another worker can be given it.
    /// </summary>
    [Fact]
    [Trait("Node", "test-child-process-send-keep-open")]
    public async Task The_primary_keeps_a_connection_until_a_worker_has_taken_it()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await Hold(cluster, 2);
        var workers = (First: await cluster.ProcessOf(1), Second: await cluster.ProcessOf(2));
        var before = Descriptors.Count(cluster.Id);
        foreach (var worker in (int[])[workers.First, workers.Second])
        {
            await TestProcess.Stop(worker);
        }
        var clients = new List<Socket>();
        try
        {
            for (var i = 0; i < 4; i++)
                clients.Add(await Connect(port));
            await Wait.Until(() => Descriptors.Count(cluster.Id) == before + 4); // Offered to both, taken by none.

            cluster.Send("kill 1 SIGKILL");
            await cluster.Expect("^exited 1 ");
            TestProcess.SendSignal(workers.Second, Signal.SIGCONT);
            foreach (var client in clients)
                Assert.Equal(workers.Second, await Greeting(client));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    /// <summary>The other half of it: what has been taken is the worker's alone, so that its closing is the connection's end.</summary>
    [Fact]
    [Trait("Node", "test-child-process-send-keep-open")]
    public async Task A_connection_that_a_worker_has_taken_is_not_kept_and_ends_when_the_worker_closes_it()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await Hold(cluster, 1);
        var before = Descriptors.Count(cluster.Id);
        using var client = await Connect(port);
        await Greeting(client);
        await Wait.Until(() => Descriptors.Count(cluster.Id) == before); // While the connection is open:
        await client.SendAsync("x"u8.ToArray());
        Assert.Equal(".", await Read(client));

        // The end must be the worker's close: a shutdown would reach the client through other copies, too.
        cluster.Send("kill 1 SIGKILL");
        Assert.Equal("", await Read(client));
    }

    /// <summary>
    /// Node: a child says how many connections of a server that it was sent are open in it, and the parent's count is the sum. Here: the
    /// cluster gives each worker its share, and what a worker counts are the connections that its program has.
    /// </summary>
    [Fact]
    [Trait("Node", "test-child-process-fork-getconnections")]
    public async Task Connections_are_spread_over_workers_and_each_counts_its_own()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await Hold(cluster, 3);
        var clients = new List<(Socket Socket, int Worker)>();
        try
        {
            for (var i = 0; i < 12; i++)
            {
                var client = await Connect(port);
                clients.Add((client, 0));
                clients[^1] = (client, await Greeting(client));
            }
            Assert.Equal([4, 4, 4], clients.GroupBy(client => client.Worker).Select(group => group.Count()));
            Assert.Equal([4, 4, 4], await Counts(cluster, 3));

            // The clients end all that the first worker has, and then the others.
            var first = await cluster.ProcessOf(1);
            foreach (var (socket, _) in clients.Where(client => client.Worker == first))
                socket.Dispose();
            await cluster.Expect("^worker 1 closed one, has 0$");
            Assert.Equal([0, 4, 4], await Counts(cluster, 3));
            clients.ForEach(client => client.Socket.Dispose());
            await cluster.Expect("^worker 2 closed one, has 0$");
            await cluster.Expect("^worker 3 closed one, has 0$");
            Assert.Equal([0, 0, 0], await Counts(cluster, 3));
        }
        finally
        {
            clients.ForEach(client => client.Socket.Dispose());
        }
    }

    /// <summary>
    /// Node: parent and child accept connections of one server, each closes its side, and the server is closed when both have. Here: two
    /// workers do, since a primary serves nothing.
    /// </summary>
    [Fact]
    [Trait("Node", "test-child-process-fork-net-server")]
    public async Task Of_two_workers_that_share_a_port_one_can_close_and_the_last_one_closes_the_port()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await Hold(cluster, 2);
        var served = new HashSet<int>();
        for (var i = 0; i < 4; i++)
            served.Add(await Visit(port));
        Assert.Equal(2, served.Count);

        cluster.Send("send 1 close-listener 1");
        await cluster.Expect("^worker 1 accepts no more$");
        var other = await cluster.ProcessOf(2);
        for (var i = 0; i < 10; i++)
            Assert.Equal(other, await Visit(port));

        cluster.Send("send 2 close-listener 1");
        await cluster.Expect("^worker 2 accepts no more$");
        using var deadline = new CancellationTokenSource(Patience);
        while (await Record.ExceptionAsync(() => Visit(port)) is not SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            await Task.Delay(10, deadline.Token);
        cluster.Send("workers"); // It was the listeners that ended, not the workers.
        await cluster.Expect(@"^workers 1:\w+,2:\w+$");
    }

    /// <summary>
    /// Node: a socket that the parent accepted is sent to the child, which closes it; the client sees the end, and the parent's server has
    /// no connection left. Here: the primary has no descriptor of it left.
    /// </summary>
    [Fact]
    [Trait("Node", "test-child-process-fork-net-socket")]
    public async Task A_connection_that_the_primary_accepted_is_served_and_closed_by_the_worker()
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await Hold(cluster, 1);
        var before = Descriptors.Count(cluster.Id);
        for (var i = 1; i <= 10; i++)
        {
            using var client = await Connect(port);
            Assert.Equal(await cluster.ProcessOf(1), await Greeting(client));
            cluster.Send("send 1 close-connections 1");
            Assert.Equal("", await Read(client));
            await cluster.ExpectAll("^worker 1 closed one, has 0$", i);
        }
        await Wait.Until(() => Descriptors.Count(cluster.Id) == before);
    }

    /// <summary>
    /// Node: parent and child receive from one UDP socket that was sent in a message, until each has had a datagram. Here: two workers ask
    /// for it, and one that ends leaves the other receiving.
    /// </summary>
    [Theory]
    [Trait("Node", "test-child-process-fork-dgram")]
    [InlineData("kill 1 SIGKILL")]
    [InlineData("disconnect 1")]
    public async Task Two_workers_receive_from_one_UDP_socket_and_one_that_ends_leaves_it_to_the_other(string end)
    {
        await using var cluster = TestProcess.Start("driver");
        var port = await UdpSpecs.Echo(cluster, 2);
        using var client = new UdpSpecs.Client(port);
        await UdpSpecs.AskUntilAll(client, 2);

        cluster.Send(end);
        await cluster.Expect("^exited 1 ");
        var other = await cluster.ProcessOf(2);
        for (var i = 0; i < 50; i++)
            Assert.Equal(other, await client.Ask());
    }

    private static async Task<IPEndPoint> Hold(TestProcess cluster, int workers)
    {
        for (var i = 0; i < workers; i++)
            cluster.Send("fork hold-connections");
        await cluster.ExpectAll(@"^worker \d+ holds$", workers);
        var listening = await cluster.ExpectAll(@"^listening \d+ (.*)$", workers);
        return IPEndPoint.Parse(Assert.Single(listening.Select(match => match.Groups[1].Value).Distinct()));
    }

    private static async Task<Socket> Connect(IPEndPoint port)
    {
        using var deadline = new CancellationTokenSource(Patience);
        var socket = Client.Connectable(port);
        try
        {
            await socket.ConnectAsync(port, deadline.Token);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects, is greeted, and ends the connection.</summary>
    private static async Task<int> Visit(IPEndPoint port)
    {
        using var socket = await Connect(port);
        return await Greeting(socket);
    }

    /// <summary>The process id with which the worker greets.</summary>
    private static async Task<int> Greeting(Socket socket) => int.Parse(await Read(socket), CultureInfo.InvariantCulture);

    /// <summary>What comes next; nothing at the end of the connection.</summary>
    private static async Task<string> Read(Socket socket)
    {
        using var deadline = new CancellationTokenSource(Patience);
        var buffer = new byte[100];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, deadline.Token));
    }

    /// <summary>How many connections each worker says that it has.</summary>
    private static async Task<IEnumerable<int>> Counts(TestProcess cluster, int workers)
    {
        var before = cluster.Count("^answer ");
        for (var id = 1; id <= workers; id++)
            cluster.Send($"ask {id} 0");
        return (await cluster.Numbers(@"^answer (\d+)$", before + workers)).Skip(before);
    }
}
