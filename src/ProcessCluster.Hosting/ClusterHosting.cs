using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ProcessCluster.Hosting;

/// <summary>Adds the services of <c>UseProcessCluster()</c>, for each kind of builder.</summary>
internal static partial class ClusterHosting
{
    /// <param name="services">The services of the host.</param>
    /// <param name="configure">Sets options.</param>
    /// <param name="builder">The builder that has these services; null where the caller does not have it.</param>
    /// <param name="server">The part of the program's web server; null without one.</param>
    public static void Add(IServiceCollection services, Action<ClusterOptions>? configure, IHostBuilder? builder, IServerPart? server)
    {
        if (services.Any(static d => d.ServiceType == typeof(Marker)))
        {
            if (configure is not null)
                services.Configure(configure);
            return;
        }
        services.AddSingleton<Marker>();

        // The configuration first: what the program sets in code comes later and wins.
        services.AddSingleton<IConfigureOptions<ClusterOptions>, ConfigureClusterOptions>();
        services.AddSingleton<IValidateOptions<ClusterOptions>, ConfigureClusterOptions>();
        services.AddProcessCluster(configure);

        if (Cluster.IsWorker)
        {
            AddWorker(services, builder, server);
        }
        else
        {
            server?.AddToPrimary(services);
            OverrideHost(services, (provider, original) => CreateHost(provider, services, original, server));
        }
    }

    private static void AddWorker(IServiceCollection services, IHostBuilder? builder, IServerPart? server)
    {
        server?.AddToWorker(services);
        services.AddSingleton<IHostLifetime, WorkerLifetime>();
        OverrideHost(services, static (provider, original) => new WorkerHost(original(provider), provider.GetRequiredService<ICluster>()));

        WorkerLogging.Restrict(services, builder);

        // The primary kills at the drain deadline; the host's own comes before it, so that it can still end in order.
        services.AddOptions<HostOptions>().PostConfigure<IOptions<ClusterOptions>>(static (host, cluster) =>
        {
            var times = DrainSchedule.Within(cluster.Value.DrainTimeout);
            if (host.ShutdownTimeout > times.Host)
                host.ShutdownTimeout = times.Host;
        });
    }

    private static IHost CreateHost(
        IServiceProvider provider, IServiceCollection services, Func<IServiceProvider, IHost> original, IServerPart? server)
    {
        var role = HostRole.Of(provider, services, server);
        if (role.WhyAlone is not { } reason)
            return new PrimaryHost(provider);
        if (!role.IsWish && provider.GetService<ILoggerFactory>()?.CreateLogger("ProcessCluster") is { } logger)
        {
            if (Cluster.IsSupported)
                LogAlone(logger, reason);
            else
                LogUnsupported(logger, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");
        }
        return original(provider);
    }

    /// <summary>Builders register their host before anything that users add, and resolve it last: a later registration takes its place.</summary>
    private static void OverrideHost(IServiceCollection services, Func<IServiceProvider, Func<IServiceProvider, IHost>, IHost> create)
    {
        var original = services.LastOrDefault(static d => d.ServiceType == typeof(IHost))?.ImplementationFactory
            ?? throw new InvalidOperationException(
                "UseProcessCluster() needs the generic host, and this builder has none. Use WebApplication.CreateBuilder or "
                + "Host.CreateDefaultBuilder instead of WebHostBuilder.");
        services.AddSingleton(provider => create(provider, p => (IHost)original(p)));
    }

    private sealed class Marker;

    [LoggerMessage(202, LogLevel.Information, "No cluster: {Reason}. The program runs as one process.")]
    private static partial void LogAlone(ILogger logger, string reason);

    [LoggerMessage(213, LogLevel.Warning, "A cluster needs 64-bit Linux, and this system is {System}. The program runs as one process.")]
    private static partial void LogUnsupported(ILogger logger, string system);
}
