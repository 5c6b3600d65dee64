using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>A primary that says what happens, a line each, and does what it is told, a line each.</summary>
internal static class Driver
{
    private static readonly System.Collections.Concurrent.ConcurrentStack<ClusterLock> Locks = new();

    public static async Task<int> RunAsync()
    {
        Cluster.Forked += (_, e) => MessageDriver.Remember(e.Worker);
        Cluster.Forked += (_, e) => Say($"forked {e.Worker.Id} {e.Worker.ProcessId}");
        Cluster.Online += (_, e) => Say($"online {e.Worker.Id}");
        Cluster.Listening += (_, e) => Say(
            $"listening {e.Worker.Id} {e.EndPoint}{(e.SocketType == System.Net.Sockets.SocketType.Dgram ? " Dgram" : "")}");
        Cluster.Disconnected += (_, e) => Say($"disconnected {e.Worker.Id}");
        Cluster.Exited += (_, e) => Say(
            $"exited {e.Worker.Id} {e.Exit.Cause} code={e.Exit.ExitCode} signal={e.Exit.Signal} asked={e.Worker.ExitedAfterDisconnect}: {e.Exit}");
        Cluster.Hung += (_, e) => Say($"hung {e.Worker.Id}");
        Say($"primary {Environment.ProcessId}");
        _ = Task.Run(ReadCommandsAsync); // Reading the console blocks.
        await Cluster.WaitForShutdownAsync();
        Say("bye");
        return Environment.ExitCode;
    }

    private static async Task ReadCommandsAsync()
    {
        while (await Console.In.ReadLineAsync() is { } line)
        {
            // With an ampersand the next command does not wait for this one.
            var execution = ExecuteOrSayAsync(line.TrimStart('&').Split(' '));
            if (!line.StartsWith('&'))
                await execution;
        }
    }

    private static async Task ExecuteOrSayAsync(string[] command)
    {
        try
        {
            await ExecuteAsync(command);
        }
        catch (Exception exception)
        {
            Say($"failed {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static async Task ExecuteAsync(string[] command)
    {
        switch (command)
        {
            case ["configure", .. var pairs]:
                Cluster.Configure(DriverOptions.Parse(pairs));
                Say("configured");
                break;
            case var _ when await FleetDriver.ExecuteAsync(command):
                break;
            case ["fork", var role, .. var variables]:
                var environment = variables.Select(v => v.Split('=', 2)).ToDictionary(v => v[0], v => (string?)v[1]);
                environment["ROLE"] = role;
                Cluster.Fork(environment);
                break;
            case ["fork-late", var role, var code]:
                await ForkLateAsync(role, code);
                break;
            case ["kill", var id, var signal]:
                Worker(id).Kill(Enum.Parse<Signal>(signal));
                break;
            case ["disconnect", var id]:
                await Worker(id).DisconnectAsync();
                Say($"gone {id}");
                break;
            case ["disconnect"]:
                await Cluster.DisconnectAsync();
                Say($"all gone, {Cluster.Workers.Count} left");
                break;
            case ["read-terminal"]:
                // As Console.ReadLine does where standard input is the terminal.
                new Thread(static () =>
                {
                    using var terminal = File.OpenRead("/dev/tty");
                    Say($"read {terminal.ReadByte()}");
                }) { IsBackground = true }.Start();
                break;
            case ["exit"]:
                Environment.Exit(0);
                break;
            case ["block-handlers"]:
                Cluster.Exited += (_, _) => new ManualResetEvent(false).WaitOne();
                break;
            case ["workers"]:
                Say($"workers {string.Join(',', Cluster.Workers.Values.OrderBy(w => w.Id).Select(w => $"{w.Id}:{w.State}"))}");
                break;
            case ["collect"]:
                for (var i = 0; i < 3; i++)
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                }
                Say("collected");
                break;
            case ["churn", var count, var role]:
                await ChurnAsync(int.Parse(count, CultureInfo.InvariantCulture), role);
                break;
            case ["lock", var name]:
                Locks.Push(await Cluster.AcquireLockAsync(name));
                Say($"primary has {name}");
                break;
            case ["unlock"] when Locks.TryPop(out var held):
                await held.DisposeAsync();
                Say($"primary gave {held.Name}");
                break;
            case var _ when await MessageDriver.ExecuteAsync(command):
                break;
            case var _ when await ConformanceDriver.ExecuteAsync(command):
                break;
            case var _ when MetricsDriver.Execute(command):
                break;
            case var _ when FaultDriver.Execute(command):
                break;
            default:
                Say($"failed: unknown command {string.Join(' ', command)}");
                break;
        }
    }

    /// <summary>Forks, and attaches handlers when everything has happened.</summary>
    private static async Task ForkLateAsync(string role, string code)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Cluster.Exited += (_, _) => over.TrySetResult();
        var worker = Cluster.Fork(new Dictionary<string, string?> { ["ROLE"] = role, ["CODE"] = code });
        await over.Task.WaitAsync(TimeSpan.FromSeconds(30));
        worker.Forked += (_, e) => Say($"late forked {e.Worker.Id}");
        worker.Online += (_, e) => Say($"late online {e.Worker.Id}");
        worker.Listening += (_, e) => Say($"late listening {e.Worker.Id} {e.EndPoint}");
        worker.Disconnected += (_, e) => Say($"late disconnected {e.Worker.Id}");
        worker.Exited += (_, e) => Say($"late exited {e.Worker.Id} {e.Exit.ExitCode}");
    }

    /// <summary>Forks and waits for the exit, one after another.</summary>
    private static async Task ChurnAsync(int count, string role)
    {
        for (var i = 0; i < count; i++)
        {
            var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var worker = Cluster.Fork(new Dictionary<string, string?> { ["ROLE"] = role });
            worker.Exited += (_, _) => gone.TrySetResult();
            if (worker.IsDead)
                gone.TrySetResult();
            await gone.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Say("churned");
    }

    private static ClusterWorker Worker(string id) => Cluster.Workers[int.Parse(id, CultureInfo.InvariantCulture)];

    public static void Say(string line)
    {
        lock (Console.Out)
            Console.Out.WriteLine(line);
    }
}
