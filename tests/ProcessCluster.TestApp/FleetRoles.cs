using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>What workers of a cluster do that keeps its number of them. Null: not one of these.</summary>
internal static class FleetRoles
{
    public static Task<int>? RunAsync(string role) => role switch
    {
        // What the file says at the time of the start: the program's version.
        "versioned" => VersionAsync(File.ReadAllText(Environment.GetEnvironmentVariable("VERSION")!).Trim()),
        _ => null,
    };

    private static async Task<int> VersionAsync(string version)
    {
        Say($"version {version} in {Environment.ProcessId} slot {Cluster.Worker?.Slot} generation {Cluster.Worker?.Generation} "
            + $"own {Environment.GetEnvironmentVariable("OWN")}");
        Say($"runs {AppContext.BaseDirectory.TrimEnd('/')} in {Environment.CurrentDirectory}");
        _ = Cluster.Worker?.Stopping; // SIGTERM means to finish, as in hosts.
        switch (version.Split(' '))
        {
            case ["exit", var code]:
                await Console.Error.WriteLineAsync("the first line of its error");
                await Console.Error.WriteLineAsync("the settings are wrong");
                return Number(code);
            case ["role", var role]:
                return await Roles.RunAsync(role, []);
            case ["never-ready"]:
                await Cluster.WaitForShutdownAsync();
                return 0;
            case ["dies", var after]:
                _ = ServeAsync();
                await Task.Delay(Number(after));
                return 3;
            case ["slow", var after]:
                await Task.Delay(Number(after));
                goto default;
            case ["marks", var file]:
                await File.WriteAllTextAsync(file, ""); // It knows that it is a worker.
                goto default;
            case ["answers"]:
                Cluster.OnRequest<Ask, Answer>((ask, _) => new Answer(ask.Number * ask.Number));
                goto default;
            case ["hangs", var after]:
                // Every thread of the pool, and those that it adds, waits for something that never comes.
                var serving = ServeAsync();
                await Task.Delay(Number(after));
                Say($"hangs {Environment.ProcessId}");
                var never = new ManualResetEvent(false);
                for (var i = 0; i < 2000; i++)
                    ThreadPool.UnsafeQueueUserWorkItem(static never => never.WaitOne(), never, preferLocal: false);
                await serving;
                return 0;
            case ["busy"]:
                // More work than there are processors, and much garbage.
                for (var i = 0; i < Environment.ProcessorCount * 2; i++)
                    ThreadPool.UnsafeQueueUserWorkItem(static _ => Burn(), null);
                goto default;
            case ["family"]:
                using (var child = System.Diagnostics.Process.Start("sleep", "1000"))
                    Say($"child {child.Id}");
                goto default;
            case ["orphans", var count]:
                using (var shell = System.Diagnostics.Process.Start("sh", ["-c", $"for i in $(seq {count}); do sleep 0.2 & done"]))
                    await shell.WaitForExitAsync();
                Say("orphaned");
                goto default;
            case ["last-words", var count]:
                for (var i = 0; i < Number(count); i++)
                    await Console.Error.WriteLineAsync($"word {i}");
                Environment.FailFast("on purpose, at the end");
                return 0;
            case ["babbles"]:
                new Thread(static () =>
                {
                    while (true)
                        Console.Error.WriteLine("blah");
                }) { IsBackground = true }.Start();
                goto default;
            case ["ticks"]:
                new Thread(static () =>
                {
                    // Slower than a reader reads: each line is for itself.
                    var pause = new ManualResetEvent(false);
                    for (var i = 1; !pause.WaitOne(2); i++)
                    {
                        Console.Error.WriteLine($"tick {Environment.ProcessId} {i} end");
                        Console.Out.WriteLine($"tick {Environment.ProcessId} {i} end");
                    }
                }) { IsBackground = true }.Start();
                goto default;
            case ["writes", var length]:
                Console.Error.WriteLine($"long {new string('€', Number(length) / 3)}");
                goto default;
            case ["has-requests", var count]:
                for (var i = 0; i < Number(count); i++)
                    _ = Cluster.Worker!.TrackRequest(); // Never ended.
                goto default;
            case ["leaks"]:
                _ = Task.Run(LeakAsync);
                goto default;
            default:
                await ServeAsync();
                return 0;
        }
    }

    private static async Task ServeAsync() => await Roles.ServeAsync(await Roles.ListenAsync());

    private static void Burn()
    {
        var end = Environment.TickCount64 + 90_000;
        var kept = new byte[64][];
        for (var i = 0; Environment.TickCount64 < end; i++)
        {
            kept[i % kept.Length] = new byte[200_000];
            if (i % 1000 == 0)
                GC.Collect();
        }
    }

    private static async Task LeakAsync()
    {
        var kept = new List<byte[]>();
        while (!Cluster.Worker!.Stopping.IsCancellationRequested)
        {
            var more = new byte[10 << 20];
            Array.Fill(more, (byte)1);
            kept.Add(more);
            await Task.Delay(100);
        }
        GC.KeepAlive(kept);
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Say(string line) => Console.Out.WriteLine(line);
}
