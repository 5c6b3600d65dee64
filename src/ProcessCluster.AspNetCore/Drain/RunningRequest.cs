using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace ProcessCluster.AspNetCore.Drain;

/// <summary>
/// Says which request is being served on a connection, in case that this worker ends meanwhile: method and route, as soon as routing has chosen. It is in the place of the
/// feature by which routing tells that. One for each connection; allocates nothing for a request.
/// </summary>
internal sealed class RunningRequest(ClusterConnection socket) : IEndpointFeature
{
    private static readonly ConditionalWeakTable<Endpoint, ConcurrentDictionary<string, RequestName>> Names = [];

    private string _method = "";

    /// <summary>Told whether the request may be served once more; null when nobody wants to know.</summary>
    public ConnectionReport? Replay { get; set; }

    public Endpoint? Endpoint
    {
        get;
        set
        {
            field = value;
            if (value is null)
                return;
            Say(Names.GetOrCreateValue(value).GetOrAdd(_method, static (method, endpoint) => new RequestName(method, endpoint), value));
            Replay?.Chosen(value.Metadata.GetMetadata<IdempotentAttribute>() is not null);
        }
    }

    /// <summary>Before the application sees the request.</summary>
    public void Begins(HttpContext context)
    {
        _method = context.Request.Method;
        Endpoint = null;
        Say(RequestName.None);
        context.Features.Set<IEndpointFeature>(this);
    }

    private void Say(RequestName name) => socket.ReportRequest(name.Fingerprint, name.Bytes);
}

/// <summary>A method and the route that serves it.</summary>
internal sealed class RequestName
{
    public static readonly RequestName None = new("");

    public RequestName(string method, Endpoint endpoint)
        : this($"{method} {(endpoint as RouteEndpoint)?.RoutePattern.RawText ?? endpoint.DisplayName}")
    {
    }

    private RequestName(string name)
    {
        Bytes = Encoding.UTF8.GetBytes(name);
        Fingerprint = name.Length == 0 ? 0 : Hash(Bytes);
    }

    public byte[] Bytes { get; }

    /// <summary>The same in every process.</summary>
    public long Fingerprint { get; }

    /// <summary>FNV-1a, 64 bits (draft-eastlake-fnv).</summary>
    private static long Hash(byte[] bytes)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var value in bytes)
            hash = unchecked((hash ^ value) * 0x100000001b3);
        return unchecked((long)hash);
    }
}
