using System.Collections.Concurrent;
using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>What workers do that the specs of messages start.</summary>
internal static class MessageRoles
{
    /// <summary>Null when there is no such role.</summary>
    public static Task<int>? RunAsync(string role) => role switch
    {
        "messages" => ServeAsync(),
        "say-and-exit" => SayAndExitAsync(),
        "late-handler" => HandleLateAsync(),
        "imitate" => ImitateAsync(),
        _ => null,
    };

    private static async Task<int> ServeAsync()
    {
        var self = Cluster.Worker!;
        using var greetings = Cluster.OnMessage<Greeting>((greeting, context) =>
        {
            if (greeting.Text == "throw")
                throw new InvalidOperationException("on purpose");
            Say($"worker {self.Id} got {Short(greeting.Text)} {greeting.Count} from {context.SenderId}");
        });
        using var blobs = Cluster.OnMessage<Blob>((blob, context) => Say($"worker {self.Id} got {blob.Bytes.Length} bytes from {context.SenderId}"));
        using var asks = Cluster.OnRequest<Ask, Answer>((ask, _) => new Answer((long)ask.Number * ask.Number));
        using var troubles = Cluster.OnRequest<Trouble, Answer>(HandleTroubleAsync);
        using var relays = Cluster.OnRequest<Relay, RelayResult>(RelayAsync);
        using var storms = Cluster.OnRequest<Storm, StormResult>(StormAsync);
        Say($"worker {self.Id} handles");
        await Cluster.WaitForShutdownAsync();
        return 0;
    }

    private static async ValueTask<Answer> HandleTroubleAsync(Trouble trouble, MessageContext context)
    {
        switch (trouble.Kind)
        {
            case "throw":
                throw new FormatException("on purpose");
            case "hang":
                await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
                return new Answer(0);
            case "block":
                new ManualResetEvent(false).WaitOne(TimeSpan.FromSeconds(20));
                return new Answer(0);
            case "greet-primary":
                for (var i = 0; i < 20; i++)
                    await Cluster.Worker!.SendAsync(new Greeting("up", i));
                return new Answer(20);
            case "broadcast":
                await Cluster.BroadcastAsync(new Greeting("from a worker", 1));
                return new Answer(1);
            default:
                Environment.Exit(int.Parse(trouble.Kind, CultureInfo.InvariantCulture));
                return new Answer(0);
        }
    }

    private static async ValueTask<RelayResult> RelayAsync(Relay relay, MessageContext context)
    {
        try
        {
            await Cluster.SendToAsync(relay.To, new Greeting("relayed", relay.Number));
            var answer = await Cluster.RequestToAsync<Ask, Answer>(relay.To, new Ask(relay.Number));
            return new RelayResult($"square {answer.Square}");
        }
        catch (ClusterException exception)
        {
            return new RelayResult($"{exception.GetType().Name}: {exception.Message}");
        }
    }

    /// <summary>Asks all others at once, so many times in all.</summary>
    private static async ValueTask<StormResult> StormAsync(Storm storm, MessageContext context)
    {
        const int atOnce = 64;
        var (answered, failed, next) = (0, 0, 0);
        var errors = new ConcurrentDictionary<string, bool>();
        await Task.WhenAll(Enumerable.Range(0, atOnce).Select(async _ =>
        {
            await Task.Yield();
            while (Interlocked.Increment(ref next) is var number && number <= storm.Requests)
            {
                try
                {
                    var answer = await Cluster.RequestToAsync<Ask, Answer>(storm.Others[number % storm.Others.Length], new Ask(number));
                    if (answer.Square != (long)number * number)
                        throw new InvalidDataException($"{number} squared is not {answer.Square}");
                    Interlocked.Increment(ref answered);
                }
                catch (Exception exception)
                {
                    Interlocked.Increment(ref failed);
                    if (errors.Count < 20)
                        errors.TryAdd($"{exception.GetType().Name}: {exception.Message}", true);
                }
            }
        }));
        return new StormResult(answered, failed, [.. errors.Keys]);
    }

    private static async Task<int> SayAndExitAsync()
    {
        for (var i = 0; i < 1000; i++)
            await Cluster.Worker!.SendAsync(new Greeting("last words", i));
        return 3;
    }

    private static async Task<int> HandleLateAsync()
    {
        Say($"worker {Cluster.Worker!.Id} up");
        while (await Console.In.ReadLineAsync() is { } line && line != "handle")
        {
        }
        return await ServeAsync();
    }

    /// <summary>Messages whose content and type are those of control frames, as far as a program can make them.</summary>
    private static async Task<int> ImitateAsync()
    {
        byte[] leaving = [1, 0, 0, 0, 10];
        await Cluster.Worker!.SendAsync(new Blob([.. Enumerable.Repeat(leaving, 100).SelectMany(b => b)]));
        await Cluster.Worker.SendAsync(new Greeting("NODE_CLUSTER", 1));
        return await ServeAsync();
    }

    private static string Short(string text) => text.Length <= 100 ? text : $"{text.Length} characters, hash {text.Aggregate(17, (hash, c) => unchecked((hash * 31) + c))}";

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
