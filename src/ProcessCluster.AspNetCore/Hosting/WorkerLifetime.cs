using Microsoft.Extensions.Hosting;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>
/// What ends a worker's host: the primary, SIGTERM, or the end of the primary, all through <see cref="ClusterWorker.Stopping"/>. The
/// terminal's SIGINT is for the primary. When the application stops itself, the primary is told that the worker leaves.
/// </summary>
internal sealed class WorkerLifetime(ICluster cluster, IHostApplicationLifetime application) : IHostLifetime, IDisposable
{
    private CancellationTokenRegistration _asked;
    private CancellationTokenRegistration _stopping;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        var self = cluster.Worker!;
        _asked = self.Stopping.UnsafeRegister(static state => ((IHostApplicationLifetime)state!).StopApplication(), application);
        _stopping = application.ApplicationStopping.UnsafeRegister(
            static state => { _ = ((ClusterWorker)state!).DisconnectAsync(); }, self);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _asked.Dispose();
        _stopping.Dispose();
    }
}
