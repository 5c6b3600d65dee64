using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>What a worker of the driver does with UDP.</summary>
internal static class UdpRoles
{
    private static readonly byte[] Name = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

    /// <summary>Null when it is no such role.</summary>
    public static Task<int>? RunAsync(string role) => role switch
    {
        "udp-echo" => EchoAsync(),
        "udp-two" => TwoAsync(),
        "udp-hold" => HoldAsync(),
        "udp-read-one" => ReadOneAsync(),
        "udp-catch" => CatchAsync(),
        "udp-mistakes" => MistakesAsync(),
        "udp-bind-and-close" => BindAndCloseAsync(),
        "udp-close-while-receiving" => CloseWhileReceivingAsync(),
        "udp-send-while-leaving" => SendWhileLeavingAsync(),
        "udp-many" => ManyAsync(),
        "udp-no-descriptors" => NoDescriptorsAsync(),
        "udp-give-up" => GiveUpAsync(),
        "udp-keep-binding" => KeepBindingAsync(),
        _ => null,
    };

    /// <summary>Answers each datagram with this process's id, until receiving ends.</summary>
    private static async Task<int> EchoAsync()
    {
        var asked = Cluster.IsWorker ? Cluster.WaitForShutdownAsync() : Task.CompletedTask;
        await using var socket = await BindAsync();
        Say($"bound {socket.LocalEndPoint} {Environment.ProcessId}");
        Say($"received {await AnswerAsync(socket)} by {Environment.ProcessId}");
        await asked;
        return 0;
    }

    private static async Task<int> AnswerAsync(ClusterUdpSocket socket)
    {
        var buffer = new byte[65_535];
        var sender = new SocketAddress(socket.LocalEndPoint.AddressFamily);
        var count = 0;
        while (await socket.ReceiveFromAsync(buffer, sender) is not null)
        {
            count++;
            await socket.SendToAsync(Name, sender);
        }
        return count;
    }

    private static async Task<int> TwoAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        await using var first = await BindAsync();
        await using var second = await BindAsync();
        Say($"ports {first.LocalEndPoint} {second.LocalEndPoint}");
        await asked;
        return 0;
    }

    /// <summary>Has the socket and never receives.</summary>
    private static async Task<int> HoldAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        await using var socket = await BindAsync();
        Say($"bound {socket.LocalEndPoint} {Environment.ProcessId}");
        await asked;
        return 0;
    }

    /// <summary>Receives one datagram and is busy with it from then on.</summary>
    private static async Task<int> ReadOneAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        await using var socket = await BindAsync();
        Say($"bound {socket.LocalEndPoint} {Environment.ProcessId}");
        if (await socket.ReceiveFromAsync(new byte[100]) is { } datagram)
            Say($"read {datagram.Length} bytes from {datagram.Sender}");
        await asked;
        return 0;
    }

    private static async Task<int> CatchAsync()
    {
        try
        {
            await using var socket = await BindAsync();
            Say($"bound after all {socket.LocalEndPoint}");
        }
        catch (SocketException exception)
        {
            Say($"caught {exception.SocketErrorCode}: {exception.Message}");
        }
        return 0;
    }

    /// <summary>What cannot be is said so where it is asked for, and the socket goes on.</summary>
    private static async Task<int> MistakesAsync()
    {
        await Try("bind path", async () => await Cluster.BindUdpAsync(new UnixDomainSocketEndPoint("/tmp/none.sock")));
        await Try("bind name", async () => await Cluster.BindUdpAsync(new DnsEndPoint("localhost", 0)));
        await Try("bind elsewhere", async () => await Cluster.BindUdpAsync(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0)));
        await Try("bind options", async () => await Cluster.BindUdpAsync(
            new IPEndPoint(IPAddress.Loopback, 0), new ClusterUdpOptions { ReceiveBufferBytes = -1, SendBufferBytes = -2 }));
        var socket = await BindAsync();
        await Try("bind again", async () => await Cluster.BindUdpAsync(socket.LocalEndPoint));
        await Try("send long", async () => await socket.SendToAsync(new byte[65_508], socket.LocalEndPoint));
        await Try("send to name", async () => await socket.SendToAsync(new byte[1], new DnsEndPoint("localhost", 1)));
        var path = new UnixDomainSocketEndPoint("/tmp/none.sock").Serialize();
        await Try("send to path", async () => await socket.SendToAsync(new byte[1], path));
        await Try("send to IPv6", async () => await socket.SendToAsync(new byte[1], new IPEndPoint(IPAddress.IPv6Loopback, 1)));
        var tooShort = new SocketAddress(AddressFamily.InterNetwork, 4);
        await Try("receive to short address", async () => await socket.ReceiveFromAsync(new byte[1], tooShort));
        await socket.SendToAsync(new byte[65_507], socket.LocalEndPoint);
        await Try("receive too little", async () => await socket.ReceiveFromAsync(new byte[100]));
        using var cancelled = new CancellationTokenSource();
        var receiving = socket.ReceiveFromAsync(new byte[100], cancelled.Token);
        await cancelled.CancelAsync();
        await Try("receive cancelled", async () => await receiving);
        await Try("send cancelled", async () => await socket.SendToAsync(new byte[1], socket.LocalEndPoint, cancelled.Token));
        await socket.SendToAsync(default, socket.LocalEndPoint);
        Say($"empty one has {(await socket.ReceiveFromAsync(new byte[100]))?.Length} bytes");
        await socket.DisposeAsync();
        await socket.DisposeAsync();
        Say($"disposed, received {await socket.ReceiveFromAsync(new byte[1])}.");
        await Try("send disposed", async () => await socket.SendToAsync(new byte[1], socket.LocalEndPoint));
        Say("all tried");
        return 0;
    }

    private static async Task Try(string what, Func<Task> attempt)
    {
        try
        {
            await attempt();
            Say($"{what}: no error");
        }
        catch (Exception exception)
        {
            var code = exception is SocketException socket ? $" {socket.SocketErrorCode}" : "";
            Say($"{what}: {exception.GetType().Name}{code}: {exception.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static async Task<int> BindAndCloseAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        IPEndPoint? last = null;
        for (var i = 0; i < 300; i++)
        {
            await using var socket = await BindAsync();
            last = socket.LocalEndPoint;
        }
        Say($"bound and closed {last}");
        await asked;
        return 0;
    }

    private static async Task<int> CloseWhileReceivingAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        var socket = await BindAsync();
        Say($"bound {socket.LocalEndPoint} {Environment.ProcessId}");
        var receiving = socket.ReceiveFromAsync(new byte[100]).AsTask();
        var second = socket.ReceiveFromAsync(new byte[100]).AsTask();
        await socket.DisposeAsync();
        Say($"closed, received {await receiving} and {await second}.");
        await asked;
        return 0;
    }

    /// <summary>Answers what it had received before it was asked to leave, after that.</summary>
    private static async Task<int> SendWhileLeavingAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        await using var socket = await BindAsync();
        Say($"bound {socket.LocalEndPoint} {Environment.ProcessId}");
        var datagram = (await socket.ReceiveFromAsync(new byte[100]))!.Value;
        Say("received");
        await asked;
        Say($"then {await socket.ReceiveFromAsync(new byte[100])}.");
        await socket.SendToAsync(Name, datagram.Sender);
        return 0;
    }

    /// <summary>Asks for many sockets while nothing on its thread pool takes what comes over the hand-off socket.</summary>
    private static async Task<int> ManyAsync()
    {
        _ = Cluster.IsWorker;
        using var release = new ManualResetEventSlim();
        ThreadPool.SetMaxThreads(4, 4);
        for (var i = 0; i < 4; i++)
            ThreadPool.UnsafeQueueUserWorkItem(static release => ((ManualResetEventSlim)release!).Wait(TimeSpan.FromSeconds(30)), release);
        // None of these goes on before the pool does: on this thread.
        var binding = Enumerable.Range(0, 400).Select(_ => BindAsync()).ToList();
        // More than the hand-off socket takes at once: the primary has bound all of them and could not send the last ones.
        if (!SpinWait.SpinUntil(static () => SocketsOfPrimary() >= 400, TimeSpan.FromSeconds(20)))
            Say($"the primary has {SocketsOfPrimary()} only");
        release.Set();
        var ports = (await Task.WhenAll(binding)).Select(socket => socket.LocalEndPoint).ToHashSet();
        Say($"has {ports.Count}");
        return 0;
    }

    private static async Task<int> NoDescriptorsAsync()
    {
        var hoard = new List<FileStream>();
        var kept = await BindAsync();
        Say($"bound {kept.LocalEndPoint} {Environment.ProcessId}"); // The console has its descriptors now.
        try
        {
            while (true)
                hoard.Add(File.OpenRead("/dev/null"));
        }
        catch (IOException)
        {
            Say($"hoards {hoard.Count}"); // None is left.
        }
        await Try("bind", async () => await BindAsync());
        hoard.ForEach(file => file.Dispose());
        await using var socket = await BindAsync();
        Say($"bound after all, another: {!socket.LocalEndPoint.Equals(kept.LocalEndPoint)}");
        return 0;
    }

    private static async Task<int> GiveUpAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        var givenUp = 0;
        for (var i = 0; i < 200; i++)
        {
            using var patience = new CancellationTokenSource();
            var binding = Cluster.BindUdpAsync(new IPEndPoint(IPAddress.Loopback, 0), null, patience.Token);
            await patience.CancelAsync();
            try
            {
                await (await binding).DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                givenUp++;
            }
        }
        await using var last = await BindAsync();
        Say($"gave up {givenUp}, has {last.LocalEndPoint}");
        await asked;
        return 0;
    }

    private static async Task<int> KeepBindingAsync()
    {
        try
        {
            while (true)
                await BindAsync();
        }
        catch (Exception exception) when (exception is ClusterException or SocketException)
        {
            await Cluster.WaitForShutdownAsync();
            return 0;
        }
    }

    private static Task<ClusterUdpSocket> BindAsync() =>
        Cluster.BindUdpAsync(IPEndPoint.Parse(Environment.GetEnvironmentVariable("LISTEN") ?? "127.0.0.1:0"), new ClusterUdpOptions
        {
            DualMode = Environment.GetEnvironmentVariable("DUAL") != "no",
        });

    private static int SocketsOfPrimary()
    {
        var parent = File.ReadLines("/proc/self/status").First(line => line.StartsWith("PPid:", StringComparison.Ordinal))[5..].Trim();
        return Directory.GetFiles($"/proc/{parent}/fd")
            .Count(fd => new FileInfo(fd).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true);
    }

    private static void Say(string line) => Console.Out.WriteLine(line);
}
