// A worker service as "dotnet new worker" makes it, and one line. docs/worker-services.md explains it.
using ProcessCluster;

var builder = Host.CreateApplicationBuilder(args);
builder.UseProcessCluster();
builder.Services.AddHostedService<Jobs>();
builder.Services.AddHostedServiceOnce<Report>();
builder.Build().Run();

/// <summary>Does one job after another, in each worker. A worker that leaves finishes the job that it has begun.</summary>
internal sealed class Jobs(ICluster cluster, IConfiguration configuration) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var duration = configuration.GetValue("JobTime", TimeSpan.FromSeconds(1));
        for (var job = 1; !stoppingToken.IsCancellationRequested; job++)
        {
            Console.WriteLine($"worker {cluster.Worker?.Id} (process {Environment.ProcessId}) begins job {job}");
            await Task.Delay(duration, CancellationToken.None); // The work itself ignores the token: it is not cut off.
            Console.WriteLine($"worker {cluster.Worker?.Id} (process {Environment.ProcessId}) has done job {job}");
        }
    }
}

/// <summary>Runs in one worker. When that worker leaves or dies, it runs in another one.</summary>
internal sealed class Report(ICluster cluster) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Console.WriteLine($"worker {cluster.Worker?.Id} reports");
        await Task.Delay(Timeout.Infinite, stoppingToken);
    }
}
