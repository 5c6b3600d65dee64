using System.Globalization;

namespace BenchReload;

/// <summary>The web application that is measured, as a cluster of two workers.</summary>
internal static class Server
{
    public static void Run(int port, string notes, int standby)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.UseProcessCluster(options =>
        {
            (options.Workers, options.StandbyWorkers) = (2, standby);
            options.Restart.StableAfter = TimeSpan.FromSeconds(1); // As PM2's min_uptime.
        });

        var app = builder.Build();
        app.MapPost("/strict", async (HttpContext context) =>
        {
            var buffer = new byte[16 * 1024];
            long length = 0, sum = 0;
            while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
            {
                length += read;
                foreach (var value in buffer.AsSpan(0, read))
                    sum += value;
            }
            return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId} {length} {sum}");
        });
        if (Environment.GetEnvironmentVariable("ProcessCluster__Enabled") == "false")
        {
            app.Lifetime.ApplicationStarted.Register(() => Note("ready"));
            app.Lifetime.ApplicationStopping.Register(() => Note("leaving"));
            app.Lifetime.ApplicationStopped.Register(() => Note("left"));
        }
        else if (ProcessCluster.Cluster.Worker is { } worker)
        {
            app.Lifetime.ApplicationStopped.Register(() => Note("left"));
            app.Lifetime.ApplicationStarted.Register(() => Note("ready"));
            worker.Stopping.Register(() => Note("leaving"));
        }
        else
        {
            _ = Task.Run(ReloadWhenAskedAsync); // Reading the console blocks.
        }
        app.Run($"http://127.0.0.1:{port}");

        void Note(string what) => File.AppendAllText(
            Path.Combine(notes, $"{Environment.ProcessId}"), string.Create(CultureInfo.InvariantCulture, $"{what} {Notes.Now}\n"));
    }

    private static async Task ReloadWhenAskedAsync()
    {
        while (await Console.In.ReadLineAsync() is not null)
            Console.WriteLine(await ProcessCluster.Cluster.ReloadAsync());
    }
}
