using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>
/// HTTP/3 in a worker is an error when it starts. A QUIC connection is many datagrams of one socket, which cannot be handed over one by one: each
/// worker would bind for itself, or only some end points would have it.
/// </summary>
internal sealed class Http3Refusal : IConfigureOptions<KestrelServerOptions>, IMultiplexedConnectionListenerFactory
{
    /// <summary>
    /// Looks at each end point when Kestrel builds its pipeline, just before it binds, with the protocols that the program has set by then: also those
    /// that Kestrel would leave without HTTP/3 and a word, as on a system without QUIC.
    /// </summary>
    public void Configure(KestrelServerOptions options) => options.ConfigureEndpointDefaults(static endPoint => endPoint.Use(next =>
        endPoint.Protocols.HasFlag(HttpProtocols.Http3) ? throw Refusal($"{endPoint}") : next));

    /// <summary>Those without HTTP/1.1 and HTTP/2, and those of a program that has set the defaults of end points itself.</summary>
    public ValueTask<IMultiplexedConnectionListener> BindAsync(EndPoint endPoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default) =>
        throw Refusal($"{endPoint}");

    private static NotSupportedException Refusal(string endPoint) => new(
        $"The end point {endPoint} has HTTP/3, which workers of a cluster cannot share. Leave Http3 out of its Protocols (Http1AndHttp2), "
        + "or set ProcessCluster:Enabled to false.");
}
