using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ProcessCluster.Hosting;

/// <summary>
/// The host in a worker: the application's own, whose start is told to the primary. A start that fails is the primary's to report, once
/// for the cluster, so that the process ends without a word.
/// </summary>
internal sealed class WorkerHost(IHost inner, ICluster cluster) : IHost, IAsyncDisposable
{
    private static volatile bool _isStarting = true;

    /// <summary>Gets whether the application is not up yet.</summary>
    public static bool IsStarting => _isStarting;

    public IServiceProvider Services => inner.Services;

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        var self = cluster.Worker!;
        IReadOnlyList<string> addresses = [];
        try
        {
            await inner.StartAsync(cancellationToken).ConfigureAwait(false);
            addresses = inner.Services.GetService<IServerAddresses>()?.Bound() ?? [];
        }
        catch (OperationCanceledException) when (self.Stopping.IsCancellationRequested)
        {
            Environment.Exit(0); // It was asked to leave while it started: nothing has failed.
        }
        catch (Exception exception)
        {
            self.ReportStartFailure(Describe(exception));
            Environment.Exit(1);
        }
        _isStarting = false;
        self.ReportReady([.. addresses]);
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => inner.StopAsync(cancellationToken);

    public void Dispose() => inner.Dispose();

    public ValueTask DisposeAsync()
    {
        if (inner is IAsyncDisposable disposable)
            return disposable.DisposeAsync();
        inner.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Describe(Exception exception)
    {
        var causes = new List<string>();
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            // Wrapping exceptions often repeat the message of what they wrap.
            if (causes.Count == 0 || !causes[^1].Contains(cause.Message, StringComparison.OrdinalIgnoreCase))
                causes.Add($"{cause.GetType().FullName}: {cause.Message}");
        }
        return string.Join(" ---> ", causes);
    }
}
