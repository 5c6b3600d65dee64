using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;

namespace ProcessCluster.Hosting;

/// <summary>
/// The host in a primary: instead of the application's services and its pipeline, neither of which is even constructed, it starts and
/// stops the cluster. Signals, systemd and the like come through the application's own <see cref="IHostLifetime"/>, as ever.
/// </summary>
internal sealed partial class PrimaryHost(IServiceProvider services) : IHost, IAsyncDisposable
{
    private readonly ICluster _cluster = services.GetRequiredService<ICluster>();
    private readonly IHostLifetime _hostLifetime = services.GetRequiredService<IHostLifetime>();
    private readonly ILogger _logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("ProcessCluster");
    private readonly ApplicationLifetime _lifetime = services.GetRequiredService<IHostApplicationLifetime>() as ApplicationLifetime
        ?? throw new InvalidOperationException("Replacing IHostApplicationLifetime is not supported.");
    private CancellationTokenRegistration _givenUp;
    private SharedFiles? _sharedFiles;
    private bool _disposed;

    public IServiceProvider Services { get; } = services;

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _lifetime.ApplicationStopping);
        try
        {
            await _hostLifetime.WaitForStartAsync(either.Token).ConfigureAwait(false);
            var addresses = await _cluster.StartAsync(either.Token).ConfigureAwait(false);
            var serving = _cluster.Workers.Values.Count(static worker => !worker.IsStandby);
            var server = Services.GetService<IServerAddresses>();
            LogListening(_logger, serving, (addresses, server) switch
            {
                ([], null) => "has started",
                ([], _) => "listens on no port",
                _ => $"listens on {string.Join(", ", addresses)}",
            });
            _givenUp = _cluster.GivenUp.UnsafeRegister(static state => ((ApplicationLifetime)state!).StopApplication(), _lifetime);
            server?.Show(addresses);
            _sharedFiles = SharedFiles.WarnOf(_cluster, Services, _logger);
            _lifetime.NotifyStarted();
        }
        catch (OperationCanceledException) when (_lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Asked to stop while it started: no failure. Whoever runs the host finds it stopping, and stops it.
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        _lifetime.StopApplication();
        await _cluster.DisconnectAsync(cancellationToken).ConfigureAwait(false);
        await _hostLifetime.StopAsync(cancellationToken).ConfigureAwait(false);
        _lifetime.NotifyStopped();
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return; // The provider disposes what it has made, this host among it.
        _disposed = true;
        await _givenUp.DisposeAsync().ConfigureAwait(false);
        if (_sharedFiles is not null)
            await _sharedFiles.DisposeAsync().ConfigureAwait(false);
        await _cluster.DisconnectAsync().ConfigureAwait(false);
        if (Services is IAsyncDisposable asynchronous)
            await asynchronous.DisposeAsync().ConfigureAwait(false);
        else if (Services is IDisposable disposable)
            disposable.Dispose();
    }

    [LoggerMessage(201, LogLevel.Information, "A cluster of {Workers} workers {Listens}.")]
    private static partial void LogListening(ILogger logger, int workers, string listens);
}
