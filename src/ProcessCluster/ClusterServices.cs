using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProcessCluster;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the cluster to a service collection.</summary>
public static class ProcessClusterServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="ICluster"/>: this process's cluster, logging through the host's logger. Its options are those of
    /// <see cref="IOptions{TOptions}"/>, validated once, when they are first used.
    /// </summary>
    /// <param name="services">The collection.</param>
    /// <param name="configure">Sets options; runs after what is configured elsewhere before.</param>
    /// <returns>The collection.</returns>
    public static IServiceCollection AddProcessCluster(this IServiceCollection services, Action<ClusterOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = services.AddOptions<ClusterOptions>();
        if (configure is not null)
            options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ClusterOptions>, ClusterOptionsValidator>());
        services.TryAddSingleton(static provider =>
        {
            if (provider.GetService<ILoggerFactory>() is { } factory)
                Cluster.LogTo(factory);
            var cluster = Cluster.Current;
            cluster.Configure(provider.GetRequiredService<IOptions<ClusterOptions>>().Value);
            var scopes = provider.GetRequiredService<IServiceScopeFactory>();
            foreach (var handler in provider.GetServices<HandlerSubscription>())
                handler.Subscribe(cluster, scopes);
            return cluster;
        });
        return services;
    }

    private sealed class ClusterOptionsValidator : IValidateOptions<ClusterOptions>
    {
        public ValidateOptionsResult Validate(string? name, ClusterOptions options) =>
            options.Validate() is { Count: > 0 } errors
                ? ValidateOptionsResult.Fail(errors.Select(static e => $"ProcessCluster:{e}"))
                : ValidateOptionsResult.Success;
    }
}
