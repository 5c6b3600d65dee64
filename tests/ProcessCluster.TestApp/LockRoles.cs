namespace ProcessCluster.TestApp;

/// <summary>Workers that want a lock of the cluster. Its name is in NAME, and they say what happens with their number.</summary>
internal static class LockRoles
{
    public static Task<int>? RunAsync(string role) => role switch
    {
        "lock" => HoldAsync(),
        "lock-and-leave" => LeaveAsync(),
        "lock-briefly" => TakeTurnsAsync(),
        "lock-too-many" => AskForTooManyAsync(),
        _ => null,
    };

    private static string Name => Environment.GetEnvironmentVariable("NAME") ?? "test";

    private static int Id => Cluster.Worker?.Id ?? 0;

    /// <summary>Holds it until it shall leave.</summary>
    private static async Task<int> HoldAsync()
    {
        var asked = Cluster.WaitForShutdownAsync();
        var acquiring = Cluster.AcquireLockAsync(Name, Cluster.Worker!.Stopping);
        Say($"{Id} wants {Name}");
        try
        {
            await using var held = await acquiring;
            Say($"{Id} has {held.Name}");
            held.Lost.Register(() => Say($"{Id} lost {held.Name}"));
            await asked;
            await Task.Delay(300); // It still has something to do.
            Say($"{Id} gives {held.Name}");
        }
        catch (OperationCanceledException)
        {
            Say($"{Id} gave up");
        }
        return 0;
    }

    /// <summary>Takes itself out of the cluster while it holds it.</summary>
    private static async Task<int> LeaveAsync()
    {
        var held = await Cluster.AcquireLockAsync(Name);
        Say($"{Id} has {held.Name}");
        await Cluster.Worker!.DisconnectAsync();
        Say($"{Id} left, connected={Cluster.Worker.IsConnected}");
        try
        {
            await Cluster.AcquireLockAsync("another");
        }
        catch (ClusterException exception)
        {
            Say($"{Id} caught {exception.Message}");
        }
        await Task.Delay(300);
        Say($"{Id} gives {held.Name}");
        await held.DisposeAsync();
        Say($"{Id} gave it, connected={Cluster.Worker.IsConnected}");
        return 0;
    }

    /// <summary>Takes and gives it many times, and looks whether somebody else has it, too.</summary>
    private static async Task<int> TakeTurnsAsync()
    {
        var file = Environment.GetEnvironmentVariable("FILE")!;
        for (var i = 0; i < 100; i++)
        {
            await using var held = await Cluster.AcquireLockAsync(Name);
            await using var alone = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        Say($"{Id} had its turns");
        return 0;
    }

    private static async Task<int> AskForTooManyAsync()
    {
        var claims = Enumerable.Range(0, 1024).Select(i => Cluster.AcquireLockAsync($"{Name} {i / 2}")).ToList();
        await Task.WhenAll(claims.Where((_, i) => i % 2 == 0));
        try
        {
            await Cluster.AcquireLockAsync(Name);
        }
        catch (ClusterException exception)
        {
            Say($"{Id} caught {exception.Message}");
        }
        foreach (var claim in claims.Where((_, i) => i % 2 == 0))
            await (await claim).DisposeAsync();
        await Task.WhenAll(claims);
        await using var one = await Cluster.AcquireLockAsync(Name).ContinueWith(static task => task.Exception is null ? task.Result : null, TaskScheduler.Default);
        Say($"{Id} has {claims.Count(claim => claim.IsCompletedSuccessfully)}, and one more: {one is not null}");
        return 0;
    }

    private static void Say(string line) => Console.Out.WriteLine(line);
}
