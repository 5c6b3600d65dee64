using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>The samples, as the README has a newcomer run them. They listen on port 3000, Immortal on port 3009.</summary>
public sealed class Samples
{
    [Fact]
    public async Task HeavyEndpoint_is_answered_by_every_worker_and_survives_a_kill()
    {
        await using var sample = TestProcess.StartFile(
            "dotnet",
            $"run --no-build -c {TestPaths.Configuration} --project {Path.Combine(TestPaths.Repository, "samples", "HeavyEndpoint")}",
            ("ProcessCluster__Workers", "3"));
        await sample.Expect("A cluster of 3 workers listens on http://localhost:3000");
        using var client = Client.PerRequest("http://localhost:3000");
        var workers = new HashSet<int>();
        for (var i = 0; i < 40; i++)
            workers.Add(Worker(await client.GetStringAsync("/")));
        Assert.Equal(3, workers.Count);
        Assert.Equal("Total: 5000000", await client.GetStringAsync("/heavy"));

        TestProcess.SendSignal(workers.First(), Signal.SIGKILL);
        await sample.Expect("crashed, SIGKILL");
        for (var i = 0; i < 40; i++)
            Assert.NotEqual(workers.First(), Worker(await client.GetStringAsync("/")));

        // As a terminal does: to the program, and dotnet run ends with it.
        sample.Signal(Signal.SIGINT);
        TestProcess.SendSignal(await PrimaryOf(sample), Signal.SIGINT);
        Assert.Equal(0, await sample.Exit(TimeSpan.FromSeconds(10)));
        await sample.ExpectNobodyLeft(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task HeavyEndpoint_can_be_one_process()
    {
        await using var sample = TestProcess.StartFile(TestPaths.Built("samples/HeavyEndpoint"), "--no-cluster");
        await sample.Expect("Application started");
        using var client = Client.PerRequest("http://localhost:3000");
        Assert.Equal(sample.Id, Worker(await client.GetStringAsync("/")));
        Assert.Empty(sample.Descendants);
    }

    [Fact]
    public async Task HelloCluster_forks_again_and_ends_with_exit_code_0()
    {
        await using var sample = TestProcess.StartFile(TestPaths.Built("samples/HelloCluster"), "");
        await sample.Expect($"^Primary {sample.Id} is running$");
        await sample.ExpectAll("is online$", Environment.ProcessorCount);
        using var client = Client.PerRequest("http://127.0.0.1:3000");
        var worker = Worker(await AskUntilServed(client));
        TestProcess.SendSignal(worker, Signal.SIGKILL);
        await sample.Expect($@"^worker \d+ \(process {worker}\) crashed, SIGKILL \(9\)");
        await sample.ExpectAll("is online$", Environment.ProcessorCount + 1);
        Assert.NotEqual(worker, Worker(await client.GetStringAsync("/")));
        sample.Signal(Signal.SIGINT);
        Assert.Equal(0, await sample.Exit(TimeSpan.FromSeconds(5)));
        await sample.ExpectNobodyLeft(TimeSpan.Zero);
    }

    [Fact]
    public async Task Supervised_survives_what_goes_wrong_in_its_workers()
    {
        await using var sample = TestProcess.StartFile(TestPaths.Built("samples/Supervised"), "");
        await sample.Expect("A cluster of 2 workers listens on http://localhost:3000");
        using var client = Client.PerRequest("http://localhost:3000");
        var gone = new HashSet<int>();

        // A crash: the client that asked for it sees it, and the next request is answered by somebody else.
        for (var crashes = 1; crashes <= 2; crashes++)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync(crashes == 1 ? "/crash" : "/overflow"));
            var ends = await sample.ExpectAll(@"Worker \d+ \(process (\d+)\) crashed, SIGABRT", crashes);
            gone.Add(int.Parse(ends[^1].Groups[1].Value, CultureInfo.InvariantCulture));
            Assert.DoesNotContain(Worker(await client.GetStringAsync("/")), gone);
        }
        Assert.Equal(2, gone.Count);
        await sample.Expect(@"Standby worker \d+ took slot \d");

        // A leak: the worker is replaced, while every request is answered.
        var leaking = int.Parse((await client.GetStringAsync("/leak"))["Leaked by worker ".Length..], CultureInfo.InvariantCulture);
        var recycled = sample.Expect($@"\(process {leaking}\) was recycled, exit code 0: Recycle:MaxMemory");
        while (!recycled.IsCompleted)
            Worker(await client.GetStringAsync("/"));
        await recycled;

        // A hang: found by its heartbeat, reported, killed, replaced; what was on its way to the worker is answered by another one.
        var hanging = int.Parse((await client.GetStringAsync("/hang"))["Soon hangs worker ".Length..], CultureInfo.InvariantCulture);
        await sample.Expect($"^Worker {hanging} hangs$");
        var killed = sample.Expect($@"\(process {hanging}\) was hung and was killed, SIGKILL");
        while (!killed.IsCompleted)
            Assert.NotEqual(hanging, Worker(await client.GetStringAsync("/")));
        await killed;
        await sample.Expect($@"\(process {hanging}\) is hung: it gave no sign of life for 00:00:05");
        Assert.NotEqual(hanging, Worker(await client.GetStringAsync("/")));

        sample.Signal(Signal.SIGINT);
        Assert.Equal(0, await sample.Exit(TimeSpan.FromSeconds(15)));
        await sample.ExpectNobodyLeft(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task SharedPort_echoes_from_every_worker_and_survives_a_crash()
    {
        await using var sample = TestProcess.StartFile(TestPaths.Built("samples/SharedPort"), "", ("DOTNET_DbgEnableMiniDump", "0"));
        await sample.Expect("^Three workers share port 3000");
        var workers = new HashSet<string>();
        for (var i = 0; i < 12; i++)
            workers.Add(await EchoAsync("hello"));
        Assert.Equal(["worker 1: hello\n", "worker 2: hello\n", "worker 3: hello\n"], workers.Order());
        Assert.Equal("", await EchoAsync("crash"));
        await sample.Expect(@"^worker \d \(process \d+\) crashed, SIGABRT \(6\)");
        for (var i = 0; i < 12; i++)
            Assert.EndsWith(": hello\n", await EchoAsync("hello"), StringComparison.Ordinal);
        sample.Signal(Signal.SIGINT);
        Assert.Equal(0, await sample.Exit(TimeSpan.FromSeconds(5)));

        static async Task<string> EchoAsync(string line)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, 3000, deadline.Token);
            await socket.SendAsync(Encoding.ASCII.GetBytes(line + "\n"), deadline.Token);
            socket.Shutdown(SocketShutdown.Send);
            try
            {
                return await Client.ReadToEnd(socket, deadline.Token);
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                return "";
            }
        }
    }

    [Fact]
    public async Task StickyChat_brings_those_of_a_room_together()
    {
        await using var sample = TestProcess.StartFile(TestPaths.Built("samples/StickyChat"), "");
        await sample.Expect("A cluster of 3 workers listens on http://localhost:3000");
        using var client = Client.PerRequest("http://localhost:3000");
        var whereabouts = new HashSet<string>();
        for (var room = 0; room < 10; room++)
            whereabouts.Add((await Who($"room{room}")).Split(' ')[^1]);
        Assert.Equal(3, whereabouts.Count);
        Assert.Equal(await Who("blue"), await Who("blue"));
        Assert.Equal("room=blue; path=/", (await client.GetAsync("/?room=blue")).Headers.GetValues("Set-Cookie").Single());

        using var first = await Join("blue");
        using var second = await Join("blue");
        using var other = await Join("green");
        await Say(first, "hello");
        Assert.Equal("hello", await Hear(second, "hello"));
        await Say(other, "green only");
        await Say(first, "again");
        Assert.Equal("again", await Hear(second, ""));
        sample.Signal(Signal.SIGINT);
        Assert.Equal(0, await sample.Exit(TimeSpan.FromSeconds(40)));

        async Task<string> Who(string room)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/who") { Headers = { { "Cookie", $"room={room}" } } };
            return await (await client.SendAsync(request)).Content.ReadAsStringAsync();
        }

        static async Task<ClientWebSocket> Join(string room)
        {
            var socket = new ClientWebSocket();
            socket.Options.SetRequestHeader("Cookie", $"room={room}");
            await socket.ConnectAsync(new Uri("ws://localhost:3000/chat"), default);
            Assert.StartsWith("Somebody came.", await Hear(socket, "Somebody"), StringComparison.Ordinal);
            return socket;
        }

        static Task Say(ClientWebSocket socket, string text) =>
            socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, default);

        static async Task<string> Hear(ClientWebSocket socket, string start)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            var buffer = new byte[4096];
            while (true)
            {
                var received = await socket.ReceiveAsync(buffer, deadline.Token);
                var text = Encoding.UTF8.GetString(buffer, 0, received.Count);
                if (text.StartsWith(start, StringComparison.Ordinal))
                    return text;
            }
        }
    }

    [Fact]
    public async Task Immortal_keeps_its_clients_connection_while_its_workers_are_killed()
    {
        var program = TestPaths.Built("samples/Immortal");
        await using var server = TestProcess.StartFile(program, "");
        await server.Expect("A cluster of 2 workers listens on http://127.0.0.1:3009");
        await using var client = TestProcess.StartFile(program, "client");
        await client.Expect(@"^ +4  worker \d+ ");

        // It goes on until both have been seen: a kill that meets a request under way is answered with a 502, and shows nothing of the other.
        await using var killer = TestProcess.StartFile(program, "killer 30");
        var killed = (await killer.ExpectAll(@"^Killed worker (\d+), of ", 2)).Select(line => line.Groups[1].Value).ToList();
        Assert.DoesNotContain(server.Id.ToString(CultureInfo.InvariantCulture), killed);
        await client.Expect(@"worker \d+ is gone, the connection is not$");
        killer.Signal(Signal.SIGTERM);
        await killer.Exit();

        client.Signal(Signal.SIGINT);
        Assert.Equal(0, await client.Exit());
        var end = await client.Expect(@"^\d+ answers of \d+ workers on (\d+) connections, (\d+) times 502, (\d+) cut$");
        var (opened, badGateways, cut) = (Number(end, 1), Number(end, 2), Number(end, 3));
        Assert.Equal(opened, client.Count("^Connection "));
        Assert.Equal((badGateways, cut), (client.Count("^502"), client.Count("^Cut")));
        Assert.InRange(opened, Math.Max(1, badGateways + cut), 1 + badGateways + cut); // The fewer, where it was told to end before it connected again.
        var answers = await client.ExpectAll(@"^ *\d+  worker (\d+) +port (\d+) ", 1);
        Assert.Contains(answers.GroupBy(answer => answer.Groups[2].Value), port => port.DistinctBy(answer => answer.Groups[1].Value).Count() >= 2);
        server.Signal(Signal.SIGINT);
        Assert.Equal(0, await server.Exit());

        static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("Immortal", 200)]
    [InlineData("SharedPort", 40)]
    [InlineData("StickyChat", 120)]
    [InlineData("HelloCluster", 40)]
    [InlineData("HeavyEndpoint", 60)]
    [InlineData("Supervised", 60)]
    public void A_sample_is_short(string sample, int lines) =>
        Assert.InRange(File.ReadLines(Path.Combine(TestPaths.Repository, "samples", sample, "Program.cs")).Count(), 1, lines);

    private static int Worker(string answer) => int.Parse(answer["Handled by worker ".Length..].Split(',')[0], CultureInfo.InvariantCulture);

    /// <summary>Until the first worker listens the port is not bound.</summary>
    private static async Task<string> AskUntilServed(HttpClient client)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            try
            {
                return await client.GetStringAsync("/", deadline.Token);
            }
            catch (HttpRequestException)
            {
                await Task.Delay(20, deadline.Token);
            }
        }
    }

    /// <summary>The child of dotnet run.</summary>
    private static Task<int> PrimaryOf(TestProcess run)
    {
        var children = File.ReadAllText($"/proc/{run.Id}/task/{run.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Task.FromResult(run.Descendants.Single(id => children.Contains(id.ToString(CultureInfo.InvariantCulture))
            || File.ReadAllText($"/proc/{id}/stat").Split(' ')[3] == run.Id.ToString(CultureInfo.InvariantCulture)));
    }
}
