using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace ProcessCluster.Hosting;

/// <summary>
/// Ends a worker's host when the primary asks for it, at SIGTERM, or when the primary ends: all through <see cref="ClusterWorker.Stopping"/>. The
/// terminal's SIGINT is for the primary. The application is stopped when clients have been told; without connections at once. When the
/// application stops itself, the primary is told that the worker leaves, and the clients are told while the server stops.
/// </summary>
internal sealed class WorkerLifetime(
    ICluster cluster,
    IHostApplicationLifetime application,
    IServiceProvider services,
    IOptions<HostOptions> options,
    IOptions<ClusterOptions> clusterOptions)
    : IHostLifetime, IDisposable
{
    private readonly IClientDrain? _clients = services.GetService<IClientDrain>();
    private CancellationTokenRegistration _asked;
    private CancellationTokenRegistration _stopping;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        var self = cluster.Worker!;
        self.Disconnected += Disconnected;
        _asked = self.Stopping.UnsafeRegister(static state => { _ = ((WorkerLifetime)state!).LeaveAsync(); }, this);
        _stopping = application.ApplicationStopping.UnsafeRegister(static state => ((WorkerLifetime)state!).ApplicationStops(), this);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        cluster.Worker!.Disconnected -= Disconnected;
        _asked.Dispose();
        _stopping.Dispose();
    }

    private async Task LeaveAsync()
    {
        var since = Stopwatch.GetTimestamp();
        if (_clients is not null)
            await _clients.DrainAsync().ConfigureAwait(false);
        var left = DrainSchedule.Within(clusterOptions.Value.DrainTimeout).Host - Stopwatch.GetElapsedTime(since);
        if (options.Value.ShutdownTimeout > left)
            options.Value.ShutdownTimeout = left > TimeSpan.Zero ? left : TimeSpan.Zero;
        application.StopApplication();
    }

    private void ApplicationStops()
    {
        _clients?.Begin();
        _ = cluster.Worker!.DisconnectAsync();
    }

    /// <summary>The link is closed. If that is not because the application stops, the primary is gone, and this process has a second.</summary>
    private void Disconnected(object? sender, WorkerEventArgs e)
    {
        if (application.ApplicationStopping.IsCancellationRequested)
            return;
        _clients?.Hurry();
        application.StopApplication();
    }
}
