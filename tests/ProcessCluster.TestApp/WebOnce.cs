using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace ProcessCluster.TestApp;

/// <summary>A service that runs in one worker, and the health of the worker that answers.</summary>
internal static class WebOnce
{
    public static void Add(IServiceCollection services)
    {
        services.AddHealthChecks().AddProcessCluster();
        if (Environment.GetEnvironmentVariable("ONCE") is not null)
            services.AddHostedServiceOnce<Once>().AddHostedServiceOnce<Once>();
    }

    public static void Map(IEndpointRouteBuilder app) => app.MapHealthChecks("/health", new HealthCheckOptions
    {
        ResponseWriter = static (context, report) => context.Response.WriteAsync(string.Join("; ", report.Entries.Select(entry =>
            $"{entry.Key} {entry.Value.Status}: {entry.Value.Description} {string.Join(',', entry.Value.Data.Select(d => $"{d.Key}={d.Value}"))}"))),
    });

    /// <summary>Sees whether another one runs by a file that the system locks. ONCE is the folder; MISBEHAVE says how it fails the first time.</summary>
    private sealed class Once : BackgroundService
    {
        private static readonly string Folder = Environment.GetEnvironmentVariable("ONCE")!;

        private FileStream? _alone;

        public override async Task StartAsync(CancellationToken cancellationToken)
        {
            Misbehave("start");
            try
            {
                _alone = new FileStream(Path.Combine(Folder, "running"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                Say("once runs twice");
            }
            Say("once started");
            await base.StartAsync(cancellationToken);
        }

        public override async Task StopAsync(CancellationToken cancellationToken)
        {
            await base.StopAsync(cancellationToken);
            await Task.Delay(200, cancellationToken);
            Say("once stopped");
            if (_alone is not null)
                await _alone.DisposeAsync();
        }

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            Misbehave("execute");
            switch (Environment.GetEnvironmentVariable("MISBEHAVE"))
            {
                case "finish":
                    return;
                case "linger":
                    await Task.Delay(TimeSpan.FromMinutes(1), CancellationToken.None);
                    break;
                default:
                    await Task.Delay(Timeout.Infinite, stoppingToken);
                    break;
            }
        }

        private static void Misbehave(string where)
        {
            if (Environment.GetEnvironmentVariable("MISBEHAVE") != where || File.Exists(Path.Combine(Folder, "misbehaved")))
                return;
            File.WriteAllText(Path.Combine(Folder, "misbehaved"), "");
            throw new InvalidOperationException($"on purpose in {Environment.ProcessId}");
        }

        private static void Say(string what) => Console.WriteLine($"{what} {Environment.ProcessId}");
    }
}
