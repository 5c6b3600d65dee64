using Microsoft.AspNetCore.Builder;

namespace ProcessCluster;

/// <summary>
/// Says of an endpoint that serving a request twice does no more harm than serving it once (RFC 9110, 9.2.2): if its worker is killed while it serves one, another worker may serve it once
/// more, where <see cref="ConnectionSurvivalOptions.ReplayIdempotent"/> is set. Without effect where it is not. For actions and controllers of MVC, for the methods and lambdas of minimal APIs,
/// and as metadata of any endpoint; <see cref="IdempotentEndpointExtensions.Idempotent{TBuilder}"/> adds it to one or to a group.
/// </summary>
/// <remarks>
/// The whole pipeline runs twice: middleware before the endpoint as well. The first try may have come to any point, its end included, or may have been the cause of its worker's end: the
/// second one is the last. No method is taken for idempotent by its name.
/// </remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class IdempotentAttribute : Attribute;
