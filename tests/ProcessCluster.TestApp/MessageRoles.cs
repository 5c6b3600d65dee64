using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace ProcessCluster.TestApp;

/// <summary>What workers do that the specs of messages start.</summary>
internal static class MessageRoles
{
    /// <summary>Null when there is no such role.</summary>
    public static Task<int>? RunAsync(string role) => role switch
    {
        "messages" => ServeAsync(),
        "say-and-exit" => SayAndExitAsync(),
        "say-and-stay" => SayAndStayAsync(),
        "leave-and-send" => LeaveAndSendAsync(),
        "late-handler" => HandleLateAsync(),
        "wrong-serializer" => ServeWithJsonAsync(),
        "imitate" => ImitateAsync(),
        _ => null,
    };

    private static async Task<int> ServeAsync()
    {
        var self = Cluster.Worker!;
        using var greetings = Cluster.OnMessage<Greeting>((greeting, context) =>
        {
            if (greeting.Text == "throw" && greeting.Count % 2 == 0)
                throw new InvalidOperationException("on purpose");
            if (greeting.Text == "block")
                Block(self);
            Say($"worker {self.Id} got {Short(greeting.Text)} {greeting.Count} from {context.SenderId}");
        });
        using var blobs = Cluster.OnMessage<Blob>((blob, context) => Say($"worker {self.Id} got {blob.Bytes.Length} bytes from {context.SenderId}"));
        using var asks = Cluster.OnRequest<Ask, Answer>((ask, _) => new Answer((long)ask.Number * ask.Number));
        using var troubles = Cluster.OnRequest<Trouble, Answer>(HandleTroubleAsync);
        using var relays = Cluster.OnRequest<Relay, RelayResult>(RelayAsync);
        using var storms = Cluster.OnRequest<Storm, StormResult>(StormAsync);
        using var versions = Cluster.OnRequest<Versioned, VersionedAnswer>((v, _) => new VersionedAnswer($"{v.Kept} {v.Dropped}", v.Kept));
        using var everything = Cluster.OnRequest<Everything, Everything>((everything, _) => everything);
        using var relayedTroubles = Cluster.OnRequest<RelayTrouble, RelayResult>(RelayTroubleAsync);
        var asked = Cluster.WaitForShutdownAsync();
        Say($"worker {self.Id} handles");
        await asked;
        Say($"worker {self.Id} shall leave");
        return 0;
    }

    private static void Block(ClusterWorker self)
    {
        Say($"worker {self.Id} blocks");
        new ManualResetEvent(false).WaitOne(TimeSpan.FromSeconds(20));
    }

    private static async ValueTask<Answer> HandleTroubleAsync(Trouble trouble, MessageContext context)
    {
        switch (trouble.Kind)
        {
            case "throw":
                throw new FormatException("on purpose");
            case "hang":
                await HangAsync(context);
                return new Answer(0);
            case "block":
                Block(Cluster.Worker!);
                return new Answer(0);
            case ['f', 'l', 'o', 'o', 'd', ':', .. var flood] when flood.Split(':') is [var to, var count]:
                return new Answer(await FloodAsync(int.Parse(to, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture)));
            case ['w', 'r', 'i', 't', 'e', ':', .. var bytes]:
                RawWorker.Write(Convert.FromHexString(bytes));
                return new Answer(0);
            case "cut-short":
                RawWorker.Write([200, 0, 0, 0, 32, 0, 0]);
                Environment.Exit(9);
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

    /// <summary>Sends another worker so many messages, and says when it has to wait for the first time.</summary>
    private static async Task<int> FloodAsync(int to, int count)
    {
        var blob = new Blob(new byte[1000]);
        var hasWaited = false;
        for (var i = 0; i < count; i++)
        {
            var send = Cluster.SendToAsync(to, blob).AsTask();
            if (!hasWaited && await Task.WhenAny(send, Task.Delay(TimeSpan.FromSeconds(1))) != send)
            {
                hasWaited = true;
                Say($"worker {Cluster.Worker!.Id} waits for room");
            }
            await send;
        }
        return count;
    }

    private static async Task HangAsync(MessageContext context)
    {
        var id = Cluster.Worker!.Id;
        Say($"worker {id} hangs");
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
        }
        finally
        {
            Say($"worker {id} was called off");
        }
    }

    private static async ValueTask<RelayResult> RelayTroubleAsync(RelayTrouble relay, MessageContext context)
    {
        try
        {
            var answer = await Cluster.RequestToAsync<Trouble, Answer>(relay.To, new Trouble(relay.Kind));
            return new RelayResult($"answer {answer.Square}");
        }
        catch (ClusterException exception)
        {
            return new RelayResult($"{exception.GetType().Name}: {exception.Message}");
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

    /// <summary>The answer tells that everything before it has been written.</summary>
    private static async Task<int> SayAndStayAsync()
    {
        for (var i = 0; i < 1000; i++)
            await Cluster.Worker!.SendAsync(new Greeting("last words", i));
        await Cluster.Worker!.RequestAsync<Ask, Answer>(new Ask(0));
        Say("all said");
        await Cluster.WaitForShutdownAsync();
        return 0;
    }

    private static async Task<int> LeaveAndSendAsync()
    {
        await Cluster.Worker!.DisconnectAsync();
        try
        {
            await Cluster.Worker.SendAsync(new Greeting("too late", 0));
            Say("sent after all");
        }
        catch (ClusterException exception)
        {
            Say($"refused {exception.GetType().Name}: {exception.Message}");
        }
        return 0;
    }

    /// <summary>Has its handlers once it was asked.</summary>
    private static async Task<int> HandleLateAsync()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (Cluster.OnRequest<Ask, Answer>((_, _) =>
        {
            asked.TrySetResult();
            return new Answer(-1);
        }))
        {
            await asked.Task;
        }
        return await ServeAsync();
    }

    private static Task<int> ServeWithJsonAsync()
    {
        Cluster.Configure(new ClusterOptions { Serializer = new JsonMessages() });
        return ServeAsync();
    }

    /// <summary>Messages whose content and type are those of control frames, as far as a program can make them.</summary>
    private static async Task<int> ImitateAsync()
    {
        for (byte kind = 0; kind < 40; kind++)
        {
            byte[] frame = [1, 0, 0, 0, kind];
            await Cluster.Worker!.SendAsync(new Blob([.. Enumerable.Repeat(frame, 100).SelectMany(b => b)]));
        }
        await Cluster.Worker!.SendAsync(new Greeting("NODE_CLUSTER", 1));
        return await ServeAsync();
    }

    private static string Short(string text) => text.Length <= 100 ? text : $"{text.Length} characters, hash {text.Aggregate(17, (hash, c) => unchecked((hash * 31) + c))}";

    private sealed class JsonMessages : IMessageSerializer
    {
        public void Serialize<T>(in T message, IBufferWriter<byte> output) => output.Write(JsonSerializer.SerializeToUtf8Bytes(message));

        public T Deserialize<T>(ReadOnlyMemory<byte> body) => JsonSerializer.Deserialize<T>(body.Span)!;
    }

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
