using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>What the primary of a conformance test tells a worker to do, a word each.</summary>
[ClusterMessage]
public sealed record Order(string[] Words);

/// <summary>A message that can contain itself.</summary>
[ClusterMessage]
public sealed class Ring
{
    public Ring? Next { get; set; }

    /// <summary>One that does.</summary>
    public static Ring Closed()
    {
        var ring = new Ring();
        ring.Next = ring;
        return ring;
    }
}

/// <summary>What workers of the conformance tests do. Null: not one of these.</summary>
internal static class ConformanceRoles
{
    public static Task<int>? RunAsync(string role) => role switch
    {
        "puppet" => new Puppet().RunAsync(),
        _ => null,
    };
}

/// <summary>
/// A worker that does what it is told, one order after another, and says what came of it, a line each. Asked to leave, it waits until the
/// connections that it has are over, and ends.
/// </summary>
internal sealed class Puppet
{
    private static readonly byte[] Name = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

    private readonly ClusterWorker _self = Cluster.Worker!;
    private readonly TaskCompletionSource _disconnected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IAsyncDisposable> _open = [];
    private readonly List<Task> _connections = [];
    private readonly List<Socket> _own = [];
    private readonly SemaphoreSlim _turn = new(1);
    private int _accepted;

    public async Task<int> RunAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        _self.Disconnected += (_, _) =>
        {
            Say($"disconnected, connected={_self.IsConnected} asked={_self.ExitedAfterDisconnect}");
            _disconnected.TrySetResult();
        };
        using var greetings = Cluster.OnMessage<Greeting>((greeting, context) => Say($"got {Short(greeting.Text)} {greeting.Count} from {context.SenderId}"));
        using var blobs = Cluster.OnMessage<Blob>((blob, _) => Say($"got {blob.Bytes.Length} bytes"));
        using var orders = Cluster.OnMessage<Order>(async (order, _) => await ObeyAsync(order.Words));
        Say($"is ready, connected={_self.IsConnected} dead={_self.IsDead} asked={_self.ExitedAfterDisconnect}");
        if (await Task.WhenAny(asked, _end.Task) == _end.Task)
            return await _end.Task;
        Say("shall leave");
        await _turn.WaitAsync(); // What it was told last is done.
        Task[] connections;
        lock (_connections)
            connections = [.. _connections];
        await Task.WhenAll(connections);
        return 0;
    }

    private async Task ObeyAsync(string[] words)
    {
        if (words is ["fail"])
            throw new InvalidOperationException("on purpose");
        await _turn.WaitAsync();
        try
        {
            await TryAsync(words);
        }
        catch (Exception exception) when (exception is SocketException or ClusterException or OperationCanceledException or ArgumentException)
        {
            var code = exception is SocketException socket ? $" {socket.SocketErrorCode}" : "";
            Say($"failed {words[0]}: {exception.GetType().Name}{code}: {exception.Message.ReplaceLineEndings(" ")}");
            if (words is [.., "or-leave"])
                await LeaveAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task TryAsync(string[] words)
    {
        switch (words)
        {
            case ["listen", var where, .. var options]:
                Serve(await Cluster.ListenAsync(EndPointOf(where), Options(options)));
                break;
            case ["listen-and-give-up", var where]:
                using (var patience = new CancellationTokenSource())
                {
                    var listening = Cluster.ListenAsync(EndPointOf(where), null, patience.Token);
                    await patience.CancelAsync();
                    await (await listening).DisposeAsync();
                }
                break;
            case ["restart", var where, var times]:
                for (var i = 0; i < Number(times); i++)
                {
                    var listener = Serve(await Cluster.ListenAsync(EndPointOf(where)));
                    await listener.DisposeAsync();
                }
                Say("restarted");
                break;
            case ["udp", var where, .. var options]:
                Answer(await Cluster.BindUdpAsync(EndPointOf(where), new ClusterUdpOptions { DualMode = !options.Contains("dual=no") }));
                break;
            case ["udp-at-once", var where]:
                var socket = await Cluster.BindUdpAsync(EndPointOf(where));
                await socket.DisposeAsync();
                Say($"closed {socket.LocalEndPoint}");
                break;
            case ["udp-send", var to, var count]:
                for (var i = 0; i < Number(count); i++)
                    await ((ClusterUdpSocket)_open[^1]).SendToAsync(Name, IPEndPoint.Parse(to));
                break;
            case ["close", var index]:
                await _open[Number(index)].DisposeAsync();
                Say($"closed {index}");
                break;
            case ["own-tcp", var where, .. var options]:
                var own = Own(SocketType.Stream, ProtocolType.Tcp, where, options);
                own.Listen();
                Say($"owns {own.LocalEndPoint}");
                _ = ServeOwnAsync(own);
                break;
            case ["own-udp", var where, .. var options]:
                Say($"owns {Own(SocketType.Dgram, ProtocolType.Udp, where, options).LocalEndPoint}");
                break;
            case ["own-udp-unbound", var to]:
                var unbound = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                _own.Add(unbound);
                await unbound.SendToAsync(Name, IPEndPoint.Parse(to));
                Say($"owns {unbound.LocalEndPoint}");
                break;
            case ["connect", var where]:
                await ConnectAsync(EndPointOf(where));
                break;
            case ["greet", var text, var count]:
                for (var i = 0; i < Number(count); i++)
                    await _self.SendAsync(new Greeting(text, i));
                break;
            case ["blob", var bytes]:
                await _self.SendAsync(new Blob(new byte[Number(bytes)]));
                break;
            case ["ring"]:
                await _self.SendAsync(Ring.Closed());
                break;
            case ["state"]:
                Say($"is {_self.State} connected={_self.IsConnected} dead={_self.IsDead} asked={_self.ExitedAfterDisconnect}");
                break;
            case ["environment", var name]:
                Say($"has {name}={Environment.GetEnvironmentVariable(name) ?? "nothing"} in {Environment.CurrentDirectory} "
                    + $"with {string.Join(',', Environment.GetCommandLineArgs()[1..])}");
                break;
            case ["leave", ..]:
                await LeaveAsync();
                break;
            case ["leave-and-kill", var signal]:
                await LeaveAsync();
                _self.Kill(Enum.Parse<Signal>(signal));
                break;
            case ["kill", var signal]:
                _self.Kill(Enum.Parse<Signal>(signal));
                break;
            case ["return", var code]:
                _end.TrySetResult(Number(code));
                break;
            case ["exit", var code]:
                // Not on the thread that handles messages: the end waits for what has been said.
                new Thread(() => Environment.Exit(Number(code))).Start();
                break;
            case ["throw"]:
                new Thread(static () => throw new InvalidOperationException("on purpose")).Start();
                break;
            default:
                Say($"does not know {string.Join(' ', words)}");
                break;
        }
    }

    private async Task LeaveAsync()
    {
        await _self.DisconnectAsync();
        await _disconnected.Task.WaitAsync(TimeSpan.FromSeconds(5)); // The process ends only when this is told, too.
        Say($"left, connected={_self.IsConnected} state={_self.State} asked={_self.ExitedAfterDisconnect}");
    }

    /// <summary>Answers each connection with this process's id, after the first byte came, and closes it.</summary>
    private ClusterListener Serve(ClusterListener listener)
    {
        _open.Add(listener);
        Say($"listens {_open.Count - 1} {listener.EndPoint}");
        _ = AcceptAsync();
        return listener;

        async Task AcceptAsync()
        {
            while (await listener.AcceptAsync() is { } socket)
            {
                _accepted++;
                Add(AnswerAsync(socket));
                Say("has a connection");
            }
        }
    }

    private async Task ServeOwnAsync(Socket listener)
    {
        while (true)
            Add(AnswerAsync(await listener.AcceptAsync()));
    }

    private static async Task AnswerAsync(Socket socket)
    {
        using (socket)
        {
            if (await socket.ReceiveAsync(new byte[1]) > 0)
                await socket.SendAsync(Name);
        }
    }

    private void Answer(ClusterUdpSocket socket)
    {
        _open.Add(socket);
        Say($"bound {_open.Count - 1} {socket.LocalEndPoint}");
        _ = ReceiveAsync();

        async Task ReceiveAsync()
        {
            while (await socket.ReceiveFromAsync(new byte[100]) is { } datagram)
                await socket.SendToAsync(Name, datagram.Sender);
        }
    }

    /// <summary>A connection of this process's own to somebody else, for as long as the other one keeps it.</summary>
    private async Task ConnectAsync(EndPoint where)
    {
        var socket = new Socket(where.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(where);
        Say($"connected to {where}");
        Add(WaitForEndAsync());

        async Task WaitForEndAsync()
        {
            using (socket)
                await socket.ReceiveAsync(new byte[1]);
            Say($"was left by {where}");
        }
    }

    private void Add(Task connection)
    {
        lock (_connections)
        {
            _connections.RemoveAll(task => task.IsCompleted);
            _connections.Add(connection);
        }
    }

    /// <summary>A socket past the library.</summary>
    private Socket Own(SocketType type, ProtocolType protocol, string where, string[] options)
    {
        var endPoint = IPEndPoint.Parse(where);
        var socket = new Socket(endPoint.AddressFamily, type, protocol);
        if (options.Contains("reuse"))
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true); // On Linux .NET sets SO_REUSEPORT, too.
        socket.Bind(endPoint);
        _own.Add(socket);
        return socket;
    }

    private ClusterListenOptions Options(string[] options)
    {
        var result = new ClusterListenOptions { DualMode = !options.Contains("dual=no") };
        if (options.FirstOrDefault(option => option.StartsWith("backlog=", StringComparison.Ordinal)) is { } backlog)
            result.Backlog = Number(backlog["backlog=".Length..]);
        if (options.FirstOrDefault(option => option.StartsWith("at-most=", StringComparison.Ordinal)) is { } most)
            result.CanAccept = () => _accepted < Number(most["at-most=".Length..]);
        return result;
    }

    private static EndPoint EndPointOf(string where) =>
        where.EndsWith(".sock", StringComparison.Ordinal) ? new UnixDomainSocketEndPoint(where) : IPEndPoint.Parse(where);

    /// <summary>Short lines are written at once: those of several processes do not mix.</summary>
    private static string Short(string text) => text.Length <= 100 ? text : $"{text.Length} characters";

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private void Say(string line)
    {
        Console.Out.WriteLine($"worker {_self.Id} {line}");
        Console.Out.Flush();
    }
}
