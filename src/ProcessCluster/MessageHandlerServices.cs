using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProcessCluster;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds handlers of messages to a service collection.</summary>
public static class MessageHandlerServiceCollectionExtensions
{
    /// <summary>
    /// Adds a service that handles messages (<see cref="IMessageHandler{TMessage}"/>) or answers requests
    /// (<see cref="IRequestHandler{TRequest, TAnswer}"/>) of other processes, from the moment that <see cref="ICluster"/> is first used,
    /// which a host does at its start.
    /// </summary>
    /// <typeparam name="T">The service.</typeparam>
    /// <param name="services">The collection.</param>
    /// <returns>The collection.</returns>
    public static IServiceCollection AddMessageHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this IServiceCollection services)
        where T : class, IClusterHandler
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddScoped<T>();
        services.AddSingleton(new HandlerSubscription(T.Subscribe<T>));
        return services.AddProcessCluster();
    }
}
