// Primary and workers talk in C# types: a message, a request with its answer, a broadcast, and a counter that all processes share.
using ProcessCluster;

if (Cluster.IsPrimary)
{
    var total = 0L;
    using var counting = Cluster.OnRequest<Increment, Total>((increment, _) => new Total(Interlocked.Add(ref total, increment.By)));
    using var greeted = Cluster.OnMessage<Greeting>((greeting, context) =>
        Console.WriteLine($"The primary got '{greeting.Text}' from worker {context.SenderId}."));

    ClusterWorker[] workers = [Cluster.Fork(), Cluster.Fork()];

    await workers[0].SendAsync(new Greeting("hello", 1));                         // kept until the worker is up
    var answer = await workers[1].RequestAsync<Ask, Answer>(new Ask(7));
    Console.WriteLine($"Worker 2 says that the square of 7 is {answer.Square}.");

    await Cluster.BroadcastAsync(new Greeting("all of you, count!", 2));
    foreach (var worker in workers)
        await worker.RequestAsync<Finish, Finished>(new Finish());                // handled when the worker has counted
    Console.WriteLine($"The workers counted to {total}.");

    await Cluster.DisconnectAsync();
}
else
{
    var counted = new TaskCompletionSource();
    using var a = Cluster.OnMessage<Greeting>(async (greeting, _) =>
    {
        Console.WriteLine($"Worker {Cluster.Worker!.Id} got '{greeting.Text}'.");
        if (greeting.Count != 2)
            return;
        for (var i = 0; i < 1000; i++)
            await Cluster.Worker.RequestAsync<Increment, Total>(new Increment(1));
        await Cluster.Worker.SendAsync(new Greeting("I have counted", 3));
        counted.SetResult();
    });
    using var b = Cluster.OnRequest<Ask, Answer>((ask, _) => new Answer((long)ask.Number * ask.Number));
    using var c = Cluster.OnRequest<Finish, Finished>(async (_, _) =>
    {
        await counted.Task;
        return new Finished();
    });
    await Cluster.WaitForShutdownAsync();
}

[ClusterMessage]
internal sealed record Greeting(string Text, int Count);

[ClusterMessage]
internal sealed record Ask(int Number);

[ClusterMessage]
internal sealed record Answer(long Square);

[ClusterMessage]
internal readonly record struct Increment(long By);

[ClusterMessage]
internal readonly record struct Total(long Value);

[ClusterMessage]
internal sealed record Finish;

[ClusterMessage]
internal sealed record Finished;
