using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Specs;

/// <summary>Who gets a connection, by each policy, and what becomes of those that nobody can take.</summary>
public sealed class Dispatching
{
    [MeasuresTime]
    [Fact]
    public async Task In_turn_each_gets_its_share_also_of_bursts()
    {
        await using var kept = await Kept.Start("fork keep", 4);
        var one = new List<int>();
        for (var i = 0; i < 400; i++)
            one.Add((await kept.Open()).Worker);
        Assert.All(one.GroupBy(id => id), group => Assert.InRange(group.Count(), 80, 120));
        // Who is faster takes more of a burst: where other work has the processors for a moment, that is all the difference.
        var least = double.MaxValue;
        for (var i = 0; i < 30 && least > 1.5; i++)
        {
            await kept.CloseAll();
            await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => kept.Open()));
            Assert.Equal(4, kept.Shares.Count);
            least = Math.Min(least, kept.Shares[^1] / (double)kept.Shares[0]);
        }
        Assert.InRange(least, 1, 1.5);
    }

    [Fact]
    public async Task The_one_with_the_fewest_connections()
    {
        await using var kept = await Kept.Start("fork keep", 3, "Dispatch LeastConnections");
        for (var i = 0; i < 9; i++)
            await kept.Open();
        Assert.Equal([3, 3, 3], kept.Shares);

        // Who has lost all of its connections gets the next ones.
        var gone = kept.Connections[0].Worker;
        foreach (var connection in kept.Connections.Where(connection => connection.Worker == gone).ToList())
            await kept.Close(connection);
        for (var i = 0; i < 3; i++)
            Assert.Equal(gone, (await kept.Open()).Worker);
    }

    [Fact]
    public async Task The_least_busy_one_and_never_a_busy_one_while_another_is_idle()
    {
        await using var kept = await Kept.Start("fork busy", 2, "Dispatch LeastBusy", saysHello: false);
        var busy = await kept.Open("b");
        var others = new List<Connection>();
        for (var i = 0; i < 10; i++)
            others.Add(await kept.Open("x")); // Known to do nothing.
        Assert.All(others, other => Assert.NotEqual(busy.Worker, other.Worker));

        // Its work is done, and it has fewer connections.
        await busy.Ask("e");
        Assert.Equal(busy.Worker, (await kept.Open("x")).Worker);
    }

    [Fact]
    public async Task A_client_stays_with_its_worker_and_only_those_of_a_dead_one_move()
    {
        await using var kept = await Kept.Start("slots keep", 4, "Dispatch ClientAddress");
        var before = await AskAll();
        Assert.Equal(4, before.Values.Distinct().Count());
        Assert.Equal(before, await AskAll());

        // While its slot is empty its clients are with others.
        kept.Cluster.Send("scale 3");
        await kept.Cluster.Expect("^exited ");
        var after = await AskAll();
        var left = after.Values.ToHashSet();
        Assert.Equal(3, left.Count);
        Assert.All(before.Where(pair => left.Contains(pair.Value)), pair => Assert.Equal(pair.Value, after[pair.Key]));

        async Task<Dictionary<int, int>> AskAll()
        {
            var workers = new Dictionary<int, int>();
            for (var client = 1; client <= 40; client++)
            {
                var served = new HashSet<int>();
                for (var i = 0; i < 3; i++)
                    served.Add((await kept.Open(from: IPAddress.Parse($"127.0.1.{client}"))).Worker);
                workers[client] = Assert.Single(served);
            }
            await kept.CloseAll();
            return workers;
        }
    }

    [Fact]
    public async Task By_weight()
    {
        await using var kept = await Kept.Start("slots keep", 2, "Dispatch Weighted Weights:0 3");
        var served = new List<int>();
        for (var i = 0; i < 40; i++)
            served.Add((await kept.Open()).Worker);
        Assert.Equal([10, 30], kept.Shares);
        Assert.Equal(2, served.Take(4).Distinct().Count()); // The turns of the heavy one are spread out.
    }

    [Fact]
    public async Task The_better_of_two_at_random()
    {
        await using var kept = await Kept.Start("fork keep", 4, "Dispatch Random");
        for (var i = 0; i < 200; i++)
            await kept.Open();
        Assert.InRange(kept.Shares[0], 40, 50);
        Assert.InRange(kept.Shares[^1], 50, 60);
    }

    [Fact]
    public async Task By_a_policy_of_the_programs_own()
    {
        await using var kept = await Kept.Start("fork keep", 3, "CustomDispatch last");
        for (var i = 0; i < 6; i++)
            await kept.Open();
        Assert.Equal([6], kept.Shares);
    }

    [Fact]
    public async Task A_policy_that_throws_costs_the_connection_and_nothing_else()
    {
        await using var kept = await Kept.Start("fork keep", 1, "CustomDispatch throws", saysHello: false);
        using (var lost = await kept.Connect())
        {
            await lost.SendAsync(Encoding.ASCII.GetBytes("stop"));
            await ExpectEnd(lost);
        }
        await kept.Cluster.ExpectError("The dispatch policy of .* threw");
        using (var early = await kept.Connect())
        {
            await early.SendAsync(Encoding.ASCII.GetBytes("!"));
            await ExpectEnd(early);
        }
        using var served = await kept.Connect();
        await served.SendAsync(Encoding.ASCII.GetBytes("pass"));
        Assert.EndsWith("pass", await ReadUntil(served, "pass"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_that_cannot_be_made_is_the_error_of_who_listens()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure CustomDispatch cannot-be-made");
        cluster.Send("fork listen-and-catch LISTEN=127.0.0.1:0");
        await cluster.Expect("^caught InvalidArgument: CustomDispatch could not make a policy for 127.0.0.1:0. InvalidOperationException: no policy today");
    }

    [Fact]
    public async Task Full_workers_get_no_more_and_who_waits_is_served_when_one_has_room()
    {
        await using var kept = await Kept.Start("fork keep", 2, "MaxConnectionsPerWorker 2 MaxWaitingConnections 10");
        for (var i = 0; i < 4; i++)
            await kept.Open();
        Assert.Equal([2, 2], kept.Shares);
        var waiting = Enumerable.Range(0, 3).Select(_ => kept.Open()).ToList();
        await Task.WhenAny([.. waiting, Task.Delay(400)]);
        Assert.DoesNotContain(waiting, task => task.IsCompleted);

        var room = kept.Connections[0];
        await kept.Close(room);
        Assert.Equal(room.Worker, (await await Task.WhenAny(waiting)).Worker);
        await kept.CloseAll();
        await Task.WhenAll(waiting);
    }

    [Theory]
    [InlineData(WhenFull.Close)]
    [InlineData(WhenFull.Reset)]
    [InlineData(WhenFull.ServiceUnavailable)]
    public async Task Past_the_limit_it_is_said_at_once(WhenFull how)
    {
        await using var kept = await Kept.Start("fork keep", 1, $"MaxConnectionsPerWorker 1 MaxWaitingConnections 1 QueueTimeout 00:00:02 WhenFull {how}");
        await kept.Open();
        using var waiting = await kept.Connect();
        await waiting.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"));
        await Task.Delay(200); // It is the one that waits.
        await ExpectRefusal(null);
        await ExpectRefusal(waiting); // Its time is over.

        async Task ExpectRefusal(Socket? socket)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            var answer = "";
            var failure = await Record.ExceptionAsync(async () =>
            {
                using var own = socket ?? await kept.Connect(); // The end may come at once.
                answer = await Client.ReadToEnd(own, deadline.Token);
            });
            if (how == WhenFull.Reset)
                Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(failure).SocketErrorCode);
            else if (how == WhenFull.ServiceUnavailable)
                Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
            else
                Assert.True(answer.Length == 0 && failure is null or SocketException { SocketErrorCode: SocketError.ConnectionReset }, $"{answer} {failure}");
        }
    }

    [Fact]
    public async Task A_worker_that_wants_no_more_passes_connections_on()
    {
        var cluster = TestProcess.Start("driver");
        foreach (var most in (ReadOnlySpan<int>)[0, 1, 9])
            cluster.Send($"fork picky MAX={most}");
        await using var kept = new Kept(cluster, await Kept.Port(cluster, 3), saysHello: true);
        var opened = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => kept.Open()));
        Assert.Equal(10, opened.Length);
        Assert.Equal([1, 9], kept.Shares);
    }

    [MeasuresTime]
    [Fact]
    public async Task A_stopped_worker_holds_up_nobody_and_what_was_offered_to_it_goes_to_others()
    {
        await using var kept = await Kept.Start("fork keep", 2);
        var stopped = (await kept.Open()).Worker;
        while ((await kept.Open()).Worker == stopped)
        {
            // The other one's first takes long: its code is cold.
        }
        await TestProcess.Stop(stopped);
        var times = new List<double>();
        for (var i = 0; i < 100; i++)
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            Assert.NotEqual(stopped, (await kept.Open()).Worker);
            times.Add(watch.Elapsed.TotalMilliseconds);
        }
        times.Sort();
        Assert.InRange(times[95], 0, 50); // With room for pauses of the machine.
        Assert.InRange(times[99], 50, 1000); // The one that was offered to it.

        // It goes on, finds that what it was offered is not its own any more, and has its turn again.
        TestProcess.SendSignal(stopped, Signal.SIGCONT);
        await kept.CloseAll();
        for (var patience = 0; (await kept.Open()).Worker != stopped; patience++)
        {
            Assert.InRange(patience, 0, 100);
            await Task.Delay(20);
        }
    }

    [MeasuresTime]
    [Fact]
    public async Task A_slow_worker_gets_less()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork slow MS=50");
        cluster.Send("fork slow MS=0");
        var port = await Kept.Port(cluster, 2);
        var served = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            // For a while, not for a number: whoever is left alone at the end would have its turn at the slow one each second time.
            var answers = new List<int>();
            for (var watch = System.Diagnostics.Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(3);)
            {
                using var socket = Client.Connectable(port);
                await socket.ConnectAsync(port);
                answers.Add(int.Parse(await Client.ReadToEnd(socket, default), CultureInfo.InvariantCulture));
            }
            return answers;
        }));
        var slow = await cluster.ProcessOf(1);
        var all = served.SelectMany(answers => answers).ToList();
        Assert.InRange(all.Count(id => id == slow), 1, all.Count(id => id != slow) / 10);
    }

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n", "192.0.2.7:4711")]
    [InlineData("PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "[2001:db8::7]:4711")]
    [InlineData("PROXY UNKNOWN\r\n", "127.0.0.1:")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x07\xC6\x33\x64\x01\x12\x67\0\x50", "192.0.2.7:4711")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1:")]
    public async Task Behind_a_proxy_the_client_is_whom_it_names(string header, string client)
    {
        await using var kept = await Kept.Start("fork keep", 2, "ProxyProtocol true Dispatch ClientAddress", saysHello: false);
        using var socket = await kept.Connect();
        var bytes = Encoding.Latin1.GetBytes(header + "hello");
        await socket.SendAsync(bytes.AsMemory(0, 9)); // In two pieces.
        await Task.Delay(50);
        await socket.SendAsync(bytes.AsMemory(9));
        var answer = await ReadUntil(socket, "hello");
        Assert.Equal(client, answer.Split(' ', '\n')[1][..client.Length]);
        Assert.EndsWith("\nhello", answer, StringComparison.Ordinal); // And nothing of the header.
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 99999 80\r\n")]
    [InlineData("PROXY TCP4 2001:db8::7 198.51.100.1 1 80\r\n")]
    public async Task Behind_a_proxy_who_does_not_say_is_closed(string start)
    {
        await using var kept = await Kept.Start("fork keep", 1, "ProxyProtocol true MaxPeekTime 00:00:01", saysHello: false);
        using var socket = await kept.Connect();
        await socket.SendAsync(Encoding.ASCII.GetBytes(start));
        await ExpectEnd(socket);
        using var silent = await kept.Connect();
        await ExpectEnd(silent);
    }

    [Theory]
    [InlineData("Cookie", "Cookie: a=b; session={0}; c=d")]
    [InlineData("Header", "SESSION: {0}")]
    public async Task By_a_value_in_the_first_request(string policy, string header)
    {
        await using var kept = await Kept.Start("slots keep", 3, $"Dispatch {policy} StickyName session", saysHello: false);
        var workers = await kept.Workers();
        var all = new HashSet<int>();
        for (var user = 0; user < 20; user++)
            all.Add(Assert.Single(new HashSet<int> { await Ask($"user-{user}"), await Ask($"user-{user}"), await Ask($"user-{user}") }));
        Assert.Equal(3, all.Count);
        for (var slot = 0; slot < 3; slot++)
            Assert.Equal(workers[slot], await Ask($"slot-{slot}"));

        async Task<int> Ask(string value)
        {
            using var socket = await kept.Connect();
            var request = Encoding.ASCII.GetBytes(
                $"GET / HTTP/1.1\r\nHost: x\r\n{string.Format(CultureInfo.InvariantCulture, header, value)}\r\n\r\n");
            await socket.SendAsync(request.AsMemory(0, 30));
            await socket.SendAsync(request.AsMemory(30));
            var answer = await ReadUntil(socket, "\r\n\r\n");
            Assert.EndsWith(Encoding.ASCII.GetString(request), answer, StringComparison.Ordinal); // Nothing was consumed.
            return int.Parse(answer.Split(' ')[0], CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task Who_sends_nothing_is_given_away_after_a_while_and_holds_up_nobody()
    {
        await using var kept = await Kept.Start(
            "fork keep", 1, "Dispatch Cookie MaxPeekTime 00:00:02 MaxWaitingConnections 5", saysHello: false);
        var silent = new List<Socket>();
        for (var i = 0; i < 8; i++)
            silent.Add(await kept.Connect());
        using var speaks = await kept.Connect();
        await speaks.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"));
        Assert.Contains("GET /", await ReadUntil(speaks, "\r\n\r\n"), StringComparison.Ordinal);
        foreach (var socket in silent)
        {
            await ReadUntil(socket, "\n"); // The worker says hello.
            socket.Dispose();
        }
    }

    private static async Task ExpectEnd(Socket socket)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            Assert.Equal("", await Client.ReadToEnd(socket, deadline.Token));
        }
        catch (SocketException exception)
        {
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode); // Closed with something unread.
        }
    }

    private static async Task<string> ReadUntil(Socket socket, string end)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var read = "";
        var buffer = new byte[4096];
        while (!read.EndsWith(end, StringComparison.Ordinal))
        {
            var count = await socket.ReceiveAsync(buffer, deadline.Token);
            Assert.True(count > 0, $"It ended after '{read}'.");
            read += Encoding.Latin1.GetString(buffer, 0, count);
        }
        return read;
    }

    /// <summary>A connection and the process that has it.</summary>
    private sealed record Connection(Socket Socket, int Worker)
    {
        public async Task<int> Ask(string line)
        {
            await Socket.SendAsync(Encoding.ASCII.GetBytes(line));
            return int.Parse(await ReadUntil(Socket, "\n"), CultureInfo.InvariantCulture);
        }
    }

    /// <summary>A cluster and the connections to it.</summary>
    private sealed class Kept(TestProcess cluster, IPEndPoint port, bool saysHello) : IAsyncDisposable
    {
        private readonly List<Connection> _connections = [];
        private FleetSpecs? _fleet;

        public TestProcess Cluster => cluster;

        public List<Connection> Connections => _connections;

        /// <summary>How many connections each worker has that has any, the fewest first.</summary>
        public IReadOnlyList<int> Shares => [.. _connections.GroupBy(connection => connection.Worker).Select(group => group.Count()).Order()];

        /// <summary>Workers of a role: forked, or in slots.</summary>
        public static async Task<Kept> Start(string how, int workers, string options = "", bool saysHello = true)
        {
            var role = how.Split(' ')[1];
            if (how.StartsWith("slots", StringComparison.Ordinal))
            {
                var fleet = FleetSpecs.Configured(workers, options);
                fleet.SetVersion($"role {role}");
                fleet.Cluster.Send("start");
                var started = await fleet.Cluster.Expect("^started at (.*)$");
                return new Kept(fleet.Cluster, IPEndPoint.Parse(started.Groups[1].Value), saysHello) { _fleet = fleet };
            }
            var cluster = TestProcess.Start("driver");
            if (options.Length > 0)
                cluster.Send($"configure {options}");
            for (var i = 0; i < workers; i++)
                cluster.Send($"fork {role}");
            return new Kept(cluster, await Port(cluster, workers), saysHello);
        }

        public static async Task<IPEndPoint> Port(TestProcess cluster, int workers) =>
            IPEndPoint.Parse((await cluster.ExpectAll(@"^listening \d+ (\S+)", workers))[0].Groups[1].Value);

        public async Task<Socket> Connect(IPAddress? from = null)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            var socket = Client.Connectable(port);
            if (from is not null)
                socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(port, deadline.Token);
            return socket;
        }

        /// <summary>Opens one, sends a word first if one is given, and learns who has it.</summary>
        public async Task<Connection> Open(string? word = null, IPAddress? from = null)
        {
            var socket = await Connect(from);
            if (word is not null)
                await socket.SendAsync(Encoding.ASCII.GetBytes(word));
            Assert.True(saysHello || word is not null);
            var connection = new Connection(socket, int.Parse((await ReadUntil(socket, "\n")).Split(' ')[0], CultureInfo.InvariantCulture));
            lock (_connections)
                _connections.Add(connection);
            return connection;
        }

        public async Task Close(Connection connection)
        {
            // The worker closes its side when it has seen the end: then it has counted it.
            connection.Socket.Shutdown(SocketShutdown.Send);
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            await Client.ReadToEnd(connection.Socket, deadline.Token);
            connection.Socket.Dispose();
            _connections.Remove(connection);
        }

        public async Task CloseAll()
        {
            foreach (var connection in _connections.ToList())
                await Close(connection);
        }

        /// <summary>The processes by slot.</summary>
        public async Task<IReadOnlyDictionary<int, int>> Workers() => (await _fleet!.Workers()).ToDictionary(slot => slot.Key, slot => slot.Value.Process);

        public ValueTask DisposeAsync()
        {
            foreach (var connection in _connections)
                connection.Socket.Dispose();
            return _fleet?.DisposeAsync() ?? cluster.DisposeAsync();
        }
    }
}
