using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ProcessCluster.Hosting;

/// <summary>
/// A hosted service of which one worker of the cluster has a running one: the worker that holds the lock named after it. Outside a cluster a
/// hosted service as any other.
/// </summary>
internal sealed partial class OnceService<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
    IServiceProvider provider, ICluster cluster, IOptions<HostOptions> options, ILoggerFactory loggers) : IHostedService, IAsyncDisposable
    where T : class, IHostedService
{
    /// <summary>The time for which a worker in which the service failed leaves it to others.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = loggers.CreateLogger("ProcessCluster");
    private readonly CancellationTokenSource _stopping = new();
    private T? _alone;
    private Task _running = Task.CompletedTask;

    private static string Name => typeof(T).FullName ?? typeof(T).Name;

    /// <summary>The name of the lock; a long one is cut at its beginning, where types have least of their own.</summary>
    private static string LockName => $"once:{Name}" is { Length: > ClusterLock.MaxNameLength } name ? name[^ClusterLock.MaxNameLength..] : $"once:{Name}";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (cluster.Worker is { } self)
        {
            _running = RunInTurnAsync(self.Stopping);
            return;
        }
        _alone = Create();
        await _alone.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        // One that does not end in time ends with the process, as every background service; until then nobody else has its turn.
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_alone is not null)
            await _alone.StopAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_alone is not null)
            await DisposeAsync(_alone).ConfigureAwait(false);
        _alone = null;
        _stopping.Dispose();
    }

    private T Create() => ActivatorUtilities.CreateInstance<T>(provider);

    private async Task RunInTurnAsync(CancellationToken leaving)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(leaving, _stopping.Token);
        try
        {
            while (true)
            {
                var turn = await cluster.AcquireLockAsync(LockName, end.Token).ConfigureAwait(false);
                await using (turn.ConfigureAwait(false))
                    await RunAsync(turn, end.Token).ConfigureAwait(false);
                await Task.Delay(RetryAfter, end.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The worker leaves, or the host stops: the service has been stopped, and others have their turn.
        }
        catch (ClusterException exception)
        {
            if (!end.IsCancellationRequested)
                LogNoTurn(_logger, Name, cluster.Worker!.Id, exception.Message);
        }
    }

    /// <summary>Runs the service until this worker shall leave, or the service has failed. It has stopped when this completes.</summary>
    private async Task RunAsync(ClusterLock turn, CancellationToken end)
    {
        T? service = null;
        try
        {
            service = Create();
            await service.StartAsync(end).ConfigureAwait(false);
            LogStarted(_logger, Name, cluster.Worker!.Id);
            await EndAsync(service, turn, end).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // Asked to leave while it started.
        }
        catch (Exception exception)
        {
            LogFailed(_logger, Name, cluster.Worker!.Id, RetryAfter, exception);
        }
        finally
        {
            if (service is not null)
                await StopAsync(service).ConfigureAwait(false);
        }
    }

    /// <summary>Completes when the worker shall leave or the cluster is gone; throws what a background service threw.</summary>
    private static async Task EndAsync(T service, ClusterLock turn, CancellationToken end)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var leaving = end.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), ended);
        using var lost = turn.Lost.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), ended);
        if (service is BackgroundService { ExecuteTask: { } execution })
            await (await Task.WhenAny(execution, ended.Task).ConfigureAwait(false)).ConfigureAwait(false);
        // One that has done its work, or that does not tell, has its turn until the worker leaves: it is done once.
        await ended.Task.ConfigureAwait(false);
    }

    private async Task StopAsync(T service)
    {
        await TryAsync(async () =>
        {
            using var deadline = new CancellationTokenSource(options.Value.ShutdownTimeout);
            await service.StopAsync(deadline.Token).ConfigureAwait(false);
        }).ConfigureAwait(false);
        // Stopping a background service gives up waiting at the deadline, though it still runs.
        if (service is BackgroundService { ExecuteTask: { } execution })
            await execution.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await TryAsync(() => DisposeAsync(service)).ConfigureAwait(false);
        LogStopped(_logger, Name, cluster.Worker!.Id);
    }

    private async Task TryAsync(Func<ValueTask> stop)
    {
        try
        {
            await stop().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogStopFailed(_logger, Name, exception); // The turn of others does not depend on it.
        }
    }

    private static async ValueTask DisposeAsync(T service)
    {
        if (service is IAsyncDisposable asynchronous)
            await asynchronous.DisposeAsync().ConfigureAwait(false);
        else if (service is IDisposable disposable)
            disposable.Dispose();
    }

    [LoggerMessage(206, LogLevel.Information, "{Service} runs in worker {WorkerId}.")]
    private static partial void LogStarted(ILogger logger, string service, int workerId);

    [LoggerMessage(207, LogLevel.Information, "{Service} does not run in worker {WorkerId} any more.")]
    private static partial void LogStopped(ILogger logger, string service, int workerId);

    [LoggerMessage(208, LogLevel.Error, "{Service} failed in worker {WorkerId}. Another worker has its turn; this one asks again in {Delay}.")]
    private static partial void LogFailed(ILogger logger, string service, int workerId, TimeSpan delay, Exception exception);

    [LoggerMessage(209, LogLevel.Error, "{Service} could not be stopped in order. Another worker has its turn.")]
    private static partial void LogStopFailed(ILogger logger, string service, Exception exception);

    [LoggerMessage(210, LogLevel.Warning, "{Service} will not run in worker {WorkerId}: {Reason}")]
    private static partial void LogNoTurn(ILogger logger, string service, int workerId, string reason);
}
