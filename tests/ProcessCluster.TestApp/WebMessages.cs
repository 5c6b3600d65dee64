namespace ProcessCluster.TestApp;

/// <summary>What the processes of the web application say to each other: handlers are services, senders have the cluster injected.</summary>
internal static class WebMessages
{
    public static void Add(IServiceCollection services)
    {
        services.AddScoped<Visit>();
        services.AddMessageHandler<Shouts>();
        services.AddMessageHandler<Squares>();
        services.AddMessageHandler<Rounds>();
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        // Asks the primary.
        app.MapGet("/ask", async (int number, ICluster cluster) => (await cluster.Worker!.RequestAsync<Ask, Answer>(new Ask(number))).Square);
        // Asks the primary to ask every worker.
        app.MapGet("/round", async (int number, ICluster cluster) =>
            (await cluster.Worker!.RequestAsync<Relay, RelayResult>(new Relay(0, number))).Text);
        // To every other worker.
        app.MapGet("/shout", async (string text, ICluster cluster) =>
        {
            await cluster.BroadcastAsync(new Greeting(text, 1));
            await cluster.BroadcastAsync(new Greeting(text, 2));
            return $"{cluster.Worker!.Id}";
        });
    }

    /// <summary>One for each scope; it says when it ends.</summary>
    private sealed class Visit : IDisposable
    {
        private static int _last;

        public int Number { get; } = Interlocked.Increment(ref _last);

        public void Dispose() => Console.WriteLine($"{Environment.ProcessId} visit {Number} over");
    }

    private sealed class Shouts(ICluster cluster, Visit visit, IServiceProvider services) : IMessageHandler<Greeting>
    {
        public ValueTask HandleAsync(Greeting message, MessageContext context)
        {
            var isSame = services.GetRequiredService<Visit>() == visit;
            Console.WriteLine($"{cluster.Worker?.Id ?? 0} heard {message.Text} {message.Count} from {context.SenderId} on visit {visit.Number} same={isSame}");
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Squares(ICluster cluster, Visit visit) : IRequestHandler<Ask, Answer>
    {
        public ValueTask<Answer> HandleAsync(Ask request, MessageContext context)
        {
            Console.WriteLine($"{cluster.Worker?.Id ?? 0} asked by {context.SenderId} on visit {visit.Number}");
            return ValueTask.FromResult(new Answer((long)request.Number * request.Number));
        }
    }

    private sealed class Rounds(ICluster cluster) : IRequestHandler<Relay, RelayResult>
    {
        public async ValueTask<RelayResult> HandleAsync(Relay request, MessageContext context)
        {
            var answers = await Task.WhenAll(cluster.Workers.Values.OrderBy(worker => worker.Id).Select(async worker =>
                $"{worker.Id}: {(await worker.RequestAsync<Ask, Answer>(new Ask(request.Number), context.CancellationToken)).Square}"));
            return new RelayResult(string.Join(", ", answers));
        }
    }
}
