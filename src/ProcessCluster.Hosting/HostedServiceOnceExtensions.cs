using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using ProcessCluster.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds hosted services that run once in a cluster.</summary>
public static class HostedServiceOnceServiceCollectionExtensions
{
    /// <summary>
    /// Adds a hosted service that runs in exactly one worker of the cluster. The others wait for their turn: when the worker in which it runs
    /// leaves, the service is stopped there first, and then started in another one; when that worker dies, it is started in another one at once.
    /// Never do two run. Outside a cluster it is a hosted service as any other.
    /// </summary>
    /// <remarks>
    /// A service that throws in its constructor, in <see cref="IHostedService.StartAsync"/> or in <see cref="BackgroundService.ExecuteAsync"/> is
    /// logged, and has its turn in another worker; a worker in which it failed asks for it again after 5 s. One whose work is done keeps its
    /// turn, so that it is not done again while the worker lives. Each turn has an object of its own.
    /// </remarks>
    /// <typeparam name="T">The service. Calls for the same type count as one.</typeparam>
    /// <param name="services">The collection.</param>
    /// <returns>The collection.</returns>
    public static IServiceCollection AddHostedServiceOnce<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this IServiceCollection services)
        where T : class, IHostedService
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, OnceService<T>>());
        return services.AddProcessCluster();
    }
}
