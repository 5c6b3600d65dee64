using ProcessCluster;

// The program that every tutorial of Node's cluster module shows, in C#.
if (Cluster.IsPrimary)
{
    Console.WriteLine($"Primary {Environment.ProcessId} is running");

    Cluster.Online += (_, e) => Console.WriteLine($"{e.Worker} is online");
    Cluster.Exited += (_, e) =>
    {
        Console.WriteLine($"{e.Worker} {e.Exit}");
        if (!e.Worker.ExitedAfterDisconnect)
            Cluster.Fork();
    };

    for (var i = 0; i < Environment.ProcessorCount; i++)
        Cluster.Fork();

    await Cluster.WaitForShutdownAsync();
}
else
{
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.UseProcessCluster();
    builder.Logging.SetMinimumLevel(LogLevel.Warning);

    var app = builder.Build();
    app.MapGet("/", () => $"Handled by worker {Environment.ProcessId}");
    app.Run("http://127.0.0.1:3000");
}
