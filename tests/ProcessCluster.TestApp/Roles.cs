using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>What a worker of the driver does.</summary>
internal static class Roles
{
    public static async Task<int> RunAsync(string role, string[] args)
    {
        switch (role)
        {
            case "echo":
                await ServeAsync(await ListenAsync());
                return 0;
            case "echo-twice":
                var first = await ListenAsync();
                var second = await ListenAsync();
                Say($"ports {first.EndPoint} {second.EndPoint}");
                await Task.WhenAll(ServeAsync(first), ServeAsync(second));
                return 0;
            case var _ when DispatchRoles.RunAsync(role) is { } dispatched:
                return await dispatched;
            case "hoard":
                // Listens and never accepts.
                await ListenAsync();
                await Cluster.WaitForShutdownAsync();
                return 0;
            case "close-listener":
                await (await ListenAsync()).DisposeAsync();
                Say("closed");
                await Cluster.WaitForShutdownAsync();
                return 0;
            case "listen-and-close":
                for (var i = 0; i < 300; i++)
                    await (await ListenAsync()).DisposeAsync();
                Say("listened and closed");
                return 0;
            case "keep-listening":
                try
                {
                    while (true)
                        await ListenAsync();
                }
                catch (Exception exception) when (exception is ClusterException or SocketException)
                {
                    await Cluster.WaitForShutdownAsync();
                    return 0;
                }
            case "idle":
                var asked = Cluster.WaitForShutdownAsync();
                Say($"idle {Cluster.Worker?.Id}");
                await asked;
                return 0;
            case "exit":
                return Cluster.IsWorker ? Number("CODE") : 1;
            case "exit-later":
                await Task.Delay(Number("AFTER"));
                return Cluster.IsWorker ? Number("CODE") : 1;
            case "throw":
                throw new InvalidOperationException($"on purpose, as {Cluster.Worker}");
            case "stubborn":
                Cluster.Worker!.Stopping.Register(() => Say("asked and not leaving"));
                Say("stubborn");
                await Task.Delay(TimeSpan.FromMinutes(1));
                return 0;
            case "spin":
                _ = Cluster.IsWorker;
                for (var i = 0; i < Environment.ProcessorCount * 2; i++)
                    ThreadPool.UnsafeQueueUserWorkItem(static _ => SpinForAMinute(), null);
                Say("spinning");
                SpinForAMinute();
                return 0;
            case "leave":
                await using (await ListenAsync())
                {
                    await Cluster.Worker!.DisconnectAsync();
                    Say($"left, connected={Cluster.Worker.IsConnected} state={Cluster.Worker.State}");
                }
                return 7;
            case "parent":
                return await ParentAsync();
            case "environment":
                Say($"is worker: {Cluster.IsWorker}, marker: {Environment.GetEnvironmentVariable("PROCESSCLUSTER_WORKER") ?? "none"}, "
                    + $"GREETING: {Environment.GetEnvironmentVariable("GREETING")}, in {Environment.CurrentDirectory}, with {string.Join(',', args)}");
                return 0;
            case var _ when (ListenRoles.RunAsync(role) ?? FleetRoles.RunAsync(role) ?? MessageRoles.RunAsync(role) ?? UdpRoles.RunAsync(role) ?? HandleRoles.RunAsync(role) ?? LockRoles.RunAsync(role) ?? ConformanceRoles.RunAsync(role) ?? HostileRoles.RunAsync(role)) is { } running:
                return await running;
            default:
                Console.Error.WriteLine($"Nothing is known as the role '{role}'.");
                return 64;
        }
    }

    /// <summary>Starts this program again as a child that is no worker.</summary>
    private static async Task<int> ParentAsync()
    {
        Say($"parent is worker: {Cluster.IsWorker}");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { Environment = { ["ROLE"] = "environment" } };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        using var child = Process.Start(start)!;
        await child.WaitForExitAsync();
        return child.ExitCode;
    }

    public static Task<ClusterListener> ListenAsync() => ListenRoles.ListenAsync();

    /// <summary>Answers each connection with this process's id, after the first byte came, and closes it.</summary>
    public static async Task ServeAsync(ClusterListener listener)
    {
        Say($"serving {listener.EndPoint} {Environment.ProcessId}");
        var answer = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        while (await listener.AcceptAsync() is { } socket)
            _ = AnswerAsync(socket);

        async Task AnswerAsync(Socket socket)
        {
            using (socket)
            {
                var buffer = new byte[1];
                if (await socket.ReceiveAsync(buffer) > 0)
                    await socket.SendAsync(answer);
            }
        }
    }

    private static void SpinForAMinute()
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromMinutes(1);)
        {
        }
    }

    private static int Number(string variable) => int.Parse(Environment.GetEnvironmentVariable(variable) ?? "0", CultureInfo.InvariantCulture);

    public static void Say(string line) => Console.Out.WriteLine(line);
}
