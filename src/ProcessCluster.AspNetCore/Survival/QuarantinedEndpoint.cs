using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace ProcessCluster.AspNetCore.Survival;

/// <summary>
/// Stands in for an endpoint while its requests are quarantined: <c>503</c> with <c>Retry-After</c> (RFC 9110, 15.6.4). Routing executes it where it can, so that
/// nothing that comes after routing runs; elsewhere it needs no authorization.
/// </summary>
internal static class QuarantinedEndpoint
{
    private static readonly EndpointMetadataCollection Metadata = Marks();

    /// <param name="request">The method and the route.</param>
    /// <param name="remaining">The time for which it still lasts.</param>
    public static Endpoint Of(string request, TimeSpan remaining)
    {
        var seconds = Math.Max(1, (long)Math.Ceiling(remaining.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return new Endpoint(context => Answer(context.Response, request, seconds), Metadata, $"{request}, quarantined");
    }

    private static Task Answer(HttpResponse response, string request, string seconds)
    {
        response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        response.Headers.RetryAfter = seconds;
        response.ContentType = "text/plain; charset=utf-8";
        return response.WriteAsync($"{request} is quarantined: processes that served it have ended, again and again. It is tried again in {seconds} s.\n");
    }

    private static EndpointMetadataCollection Marks()
    {
        var endpoint = new RouteEndpointBuilder(null, RoutePatternFactory.Parse("/"), order: 0) { Metadata = { new AllowAnonymousAttribute() } };
        new Conventions(endpoint).ShortCircuit(); // What this marks it with has no public name.
        return new EndpointMetadataCollection(endpoint.Metadata);
    }

    private sealed class Conventions(EndpointBuilder endpoint) : IEndpointConventionBuilder
    {
        public void Add(Action<EndpointBuilder> convention) => convention(endpoint);
    }
}
