using System.Diagnostics;
using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>The driver's commands that send messages.</summary>
internal static class MessageDriver
{
    private static readonly List<IDisposable> Handlers = [];
    private static readonly TaskCompletionSource Released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static CancellationTokenSource? CallOff { get; set; }

    /// <summary>False when it is not such a command.</summary>
    public static async Task<bool> ExecuteAsync(string[] command)
    {
        switch (command)
        {
            case ["handle"]:
                Handlers.Add(Cluster.OnMessage<Greeting>((greeting, context) => Say($"primary got {greeting.Text} {greeting.Count} from {context.SenderId}")));
                Handlers.Add(Cluster.OnMessage<Blob>((blob, context) => Say($"primary got {blob.Bytes.Length} bytes from {context.SenderId}")));
                HandleRequests();
                break;
            case ["handle-requests"]:
                HandleRequests();
                break;
            case ["hold"]:
                Handlers.Add(Cluster.OnMessage<Greeting>(async (greeting, context) =>
                {
                    await Released.Task;
                    Say($"primary got {greeting.Text} {greeting.Count} from {context.SenderId}");
                }));
                break;
            case ["release"]:
                Released.TrySetResult();
                break;
            case ["fork-and-send", var role, var text, var count]:
                var young = Cluster.Fork(new Dictionary<string, string?> { ["ROLE"] = role });
                for (var i = 0; i < Number(count); i++)
                    await young.SendAsync(new Greeting(text, i));
                Say($"sent {count}");
                break;
            case ["send-to", var id, var text, var number]:
                await Cluster.SendToAsync(Number(id), new Greeting(text, Number(number)));
                break;
            case ["ask-to", var id, var number]:
                Say($"answer {(await Cluster.RequestToAsync<Ask, Answer>(Number(id), new Ask(Number(number)))).Square}");
                break;
            case ["fill", var id]:
                await FillAsync(Worker(id));
                break;
            case ["call-off", var id]:
                using (CallOff = new CancellationTokenSource())
                    await Worker(id).RequestAsync<Trouble, Answer>(new Trouble("hang"), CallOff.Token);
                break;
            case ["called-off"]:
                await CallOff!.CancelAsync();
                break;
            case ["everything", var id]:
                var back = await Worker(id).RequestAsync<Everything, Everything>(Everything.Example);
                Say($"sent {Everything.Example.Describe()}");
                Say($"back {back.Describe()}");
                break;
            case ["relay-trouble", var id, var to, var kind]:
                Say($"relayed: {(await Worker(id).RequestAsync<RelayTrouble, RelayResult>(new RelayTrouble(Number(to), kind))).Text}");
                break;
            case ["send", var id, var text, var count]:
                for (var i = 0; i < Number(count); i++)
                    await Worker(id).SendAsync(new Greeting(text, i));
                Say($"sent {count}");
                break;
            case ["send-utf8", var id]:
                await Worker(id).SendAsync(new Greeting(string.Concat(Enumerable.Repeat("a\u00e9\u20ac\U0001F600", 100_000)), 1));
                break;
            case ["send-null", var id]:
                await Worker(id).SendAsync<Greeting>(null!);
                break;
            case ["send-undeclared", var id]:
                await Worker(id).SendAsync(new Version(1, 2));
                break;
            case ["send-blob", var id, var bytes]:
                await Worker(id).SendAsync(new Blob(new byte[Number(bytes)]));
                Say($"sent {bytes} bytes");
                break;
            case ["flood", var id, var seconds]:
                await FloodAsync(Worker(id), TimeSpan.FromSeconds(Number(seconds)));
                break;
            case ["broadcast", var text]:
                await Cluster.BroadcastAsync(new Greeting(text, 0));
                break;
            case ["ask", var id, var number]:
                Say($"answer {(await Worker(id).RequestAsync<Ask, Answer>(new Ask(Number(number)))).Square}");
                break;
            case ["trouble", var id, var kind]:
                Say($"answer {(await Worker(id).RequestAsync<Trouble, Answer>(new Trouble(kind))).Square}");
                break;
            case ["trouble", var id, var kind, var milliseconds]:
                await Worker(id).RequestAsync<Trouble, Answer>(new Trouble(kind), TimeSpan.FromMilliseconds(Number(milliseconds)));
                break;
            case ["relay", var id, var to, var number]:
                Say($"relayed: {(await Worker(id).RequestAsync<Relay, RelayResult>(new Relay(Number(to), Number(number)))).Text}");
                break;
            case ["versioned", var id]:
                var seen = await Worker(id).RequestAsync<Versioned, VersionedAnswer>(new Versioned("kept", 7));
                Say($"version: {seen.Seen} | {seen.Kept}");
                break;
            case ["storm", var requests, var kills]:
                await StormAsync(Number(requests), Number(kills));
                break;
            default:
                return false;
        }
        return true;
    }

    private static void HandleRequests() =>
        Handlers.Add(Cluster.OnRequest<Ask, Answer>((ask, _) => new Answer((long)ask.Number * ask.Number)));

    /// <summary>Sends to one worker for a time, and says how far that got and what it cost this process.</summary>
    private static async Task FloodAsync(ClusterWorker worker, TimeSpan time)
    {
        var blob = new Blob(new byte[1000]);
        using var deadline = new CancellationTokenSource(time);
        var before = WorkingSet();
        var sent = 0;
        try
        {
            while (true)
            {
                await worker.SendAsync(blob, deadline.Token);
                sent++;
            }
        }
        catch (OperationCanceledException)
        {
            Say($"flooded {sent} grown {(WorkingSet() - before) >> 20} MiB");
        }
    }

    /// <summary>Sends to one worker until a send has to wait for room, and tells when it had it.</summary>
    private static async Task FillAsync(ClusterWorker worker)
    {
        var blob = new Blob(new byte[1000]);
        for (var sent = 0; ; sent++)
        {
            var send = worker.SendAsync(blob);
            if (send.IsCompleted)
            {
                await send;
                continue;
            }
            Say($"full after {sent}");
            await send;
            Say("room again");
            return;
        }
    }

    private static long WorkingSet()
    {
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }

    /// <summary>All workers ask all others at once, while some are killed.</summary>
    private static async Task StormAsync(int requests, int kills)
    {
        var workers = Cluster.Workers.Values.OrderBy(w => w.Id).ToList();
        var watch = Stopwatch.StartNew();
        var storms = workers.Select(async worker =>
        {
            try
            {
                var others = workers.Where(w => w != worker).Select(w => w.Id).ToArray();
                return await worker.RequestAsync<Storm, StormResult>(new Storm(others, requests), TimeSpan.FromMinutes(10));
            }
            catch (PeerGoneException exception)
            {
                Say($"lost {worker.Id}: {exception.Message}");
                return null;
            }
        }).ToList();
        var random = new Random(4711);
        for (var i = 0; i < kills; i++)
        {
            await Task.Delay(random.Next(50, 400));
            workers[i * 3 % workers.Count].Kill(Signal.SIGKILL);
        }
        var results = (await Task.WhenAll(storms)).OfType<StormResult>().ToList();
        foreach (var error in results.SelectMany(r => r.Errors).Distinct().Order())
            Say($"error {error}");
        Say($"storm over: {results.Count} workers, {results.Sum(r => (long)r.Answered)} answered, {results.Sum(r => (long)r.Failed)} failed, "
            + $"{results.Sum(r => (long)r.Answered + r.Failed) / watch.Elapsed.TotalSeconds:0} per second");
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    public static ClusterWorker Worker(string id) => Known.GetOrAdd(Number(id), number => Cluster.Workers[number]);

    /// <summary>Those that are gone, too.</summary>
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<int, ClusterWorker> Known = new();

    public static void Remember(ClusterWorker worker) => Known[worker.Id] = worker;

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
