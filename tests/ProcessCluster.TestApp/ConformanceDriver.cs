using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>The driver's commands of the conformance tests.</summary>
internal static class ConformanceDriver
{
    /// <summary>False when it is not such a command.</summary>
    public static async Task<bool> ExecuteAsync(string[] command)
    {
        switch (command)
        {
            case ["tell", var id, .. var words]:
                await MessageDriver.Worker(id).SendAsync(new Order(words));
                break;
            case ["watch"]:
                Watch();
                break;
            case ["state", var id]:
                Driver.Say($"state {Describe(MessageDriver.Worker(id))} there={Cluster.Workers.ContainsKey(MessageDriver.Worker(id).Id)}");
                break;
            case ["fork-and-look"]:
                Driver.Say($"new {Describe(Cluster.Fork(new Dictionary<string, string?> { ["ROLE"] = "puppet" }))}");
                break;
            case ["when-disconnected", "disconnect-all"]:
                Cluster.Disconnected += async (_, e) =>
                {
                    await Cluster.DisconnectAsync();
                    Driver.Say($"all gone after {e.Worker.Id}, {Cluster.Workers.Count} left");
                };
                break;
            case ["when-disconnected", "kill"]:
                Cluster.Disconnected += (_, e) =>
                {
                    e.Worker.Kill(Signal.SIGKILL);
                    Driver.Say($"killed {Describe(e.Worker)}");
                };
                break;
            case ["when-online", "disconnect", var id]:
                Cluster.Online += async (_, e) =>
                {
                    if (e.Worker.Id.ToString(CultureInfo.InvariantCulture) != id)
                        return;
                    await e.Worker.DisconnectAsync();
                    Driver.Say($"gone {id}");
                };
                break;
            case ["when-online", "send"]:
                Cluster.Online += async (_, e) => await e.Worker.SendAsync(new Greeting("welcome", e.Worker.Id));
                break;
            case ["also-handle"]:
                Cluster.OnMessage<Greeting>((greeting, context) => Driver.Say($"primary also got {greeting.Text} {greeting.Count} from {context.SenderId}"));
                break;
            case ["orders", var count]:
                await GiveOrdersAsync(int.Parse(count, CultureInfo.InvariantCulture));
                break;
            case ["send-ring", var id]:
                await MessageDriver.Worker(id).SendAsync(Ring.Closed());
                break;
            case ["fail", .. var code]:
                if (code is [var own])
                    AppDomain.CurrentDomain.UnhandledException += (_, _) => Environment.Exit(int.Parse(own, CultureInfo.InvariantCulture));
                new Thread(static () => throw new InvalidOperationException("on purpose, in the primary")).Start();
                break;
            case ["exit", var code]:
                Environment.Exit(int.Parse(code, CultureInfo.InvariantCulture));
                break;
            default:
                return false;
        }
        return true;
    }

    /// <summary>Says what workers that are forked from now on raise themselves, and what the cluster raises for them.</summary>
    private static void Watch()
    {
        Cluster.Forked += (_, e) =>
        {
            e.Worker.Online += (sender, _) => Driver.Say($"own online {Describe((ClusterWorker)sender!)}");
            e.Worker.Listening += (sender, e) => Driver.Say($"own listening {e.EndPoint} {e.SocketType} {Describe((ClusterWorker)sender!)}");
            e.Worker.Disconnected += (sender, _) => Driver.Say($"own disconnected {Describe((ClusterWorker)sender!)}");
            e.Worker.Exited += (sender, e) => Driver.Say($"own exited {Describe((ClusterWorker)sender!)} there={Cluster.Workers.ContainsKey(e.Worker.Id)}");
        };
        Cluster.Online += (_, e) => Driver.Say($"cluster online {Describe(e.Worker)}");
        Cluster.Listening += (_, e) => Driver.Say($"cluster listening {e.EndPoint} {e.SocketType} {Describe(e.Worker)}");
        Cluster.Disconnected += (_, e) => Driver.Say($"cluster disconnected {Describe(e.Worker)}");
        Cluster.Exited += (_, e) => Driver.Say($"cluster exited {Describe(e.Worker)} there={Cluster.Workers.ContainsKey(e.Worker.Id)}");
        Driver.Say("watching");
    }

    /// <summary>Has all workers disconnect themselves, and disconnects them, again and again; says what that threw.</summary>
    private static async Task GiveOrdersAsync(int count)
    {
        var errors = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        await Task.WhenAll(Cluster.Workers.Values.SelectMany(worker => Enumerable.Range(0, count).Select(async i =>
        {
            try
            {
                if (i % 10 == 9)
                    await worker.DisconnectAsync();
                else
                    await worker.SendAsync(new Order(["leave"]));
            }
            catch (Exception exception)
            {
                errors.TryAdd(exception.GetType().Name, true);
            }
        })));
        Driver.Say($"ordered, thrown: {string.Join(',', errors.Keys)}");
    }

    private static string Describe(ClusterWorker worker) =>
        $"{worker.Id} {worker.State} connected={worker.IsConnected} dead={worker.IsDead} asked={worker.ExitedAfterDisconnect}";
}
