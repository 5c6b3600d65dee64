using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProcessCluster.AspNetCore.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds a health check of the cluster.</summary>
public static class ProcessClusterHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds a health check of the worker that answers: healthy while it serves, with the failure status while it leaves the cluster or when
    /// its primary is gone. The data has its number (<c>worker</c>) and its state (<c>state</c>). Outside a cluster it is healthy.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name of the check.</param>
    /// <param name="failureStatus">The status of a worker that does not serve; null for unhealthy.</param>
    /// <param name="tags">Tags, to choose checks by.</param>
    /// <returns>The builder.</returns>
    public static IHealthChecksBuilder AddProcessCluster(
        this IHealthChecksBuilder builder, string name = "cluster", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddProcessCluster();
        return builder.AddCheck<ClusterHealth>(name, failureStatus, tags ?? []);
    }
}
