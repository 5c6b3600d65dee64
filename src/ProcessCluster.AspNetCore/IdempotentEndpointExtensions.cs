using ProcessCluster;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Marks endpoints that may serve a request twice.</summary>
public static class IdempotentEndpointExtensions
{
    /// <summary>Adds <see cref="IdempotentAttribute"/> to the metadata of an endpoint, or of all endpoints of a group.</summary>
    /// <param name="builder">Of the endpoint or the group.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static TBuilder Idempotent<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Add(static endpoint => endpoint.Metadata.Add(new IdempotentAttribute()));
        return builder;
    }
}
