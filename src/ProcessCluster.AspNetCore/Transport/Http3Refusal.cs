using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>
/// HTTP/3 in a worker is an error when it starts. A QUIC connection is many datagrams of one socket, which cannot be handed over one by one: each
/// worker would bind for itself, or only some end points would have it.
/// </summary>
internal sealed class Http3Refusal : IMultiplexedConnectionListenerFactory
{
    /// <summary>Kestrel asks when it comes to that: with TLS and a port that is not 0, or without HTTP/1.1 and HTTP/2.</summary>
    public ValueTask<IMultiplexedConnectionListener> BindAsync(
        EndPoint endPoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default) =>
        throw Refusal($"{endPoint}");

    /// <summary>
    /// Else it leaves HTTP/3 out, and with port 0 advertises it all the same (<c>Alt-Svc</c>). So its end points are looked at when they are bound, which
    /// only Kestrel itself can do: <c>ListenOptions</c> are shown to nobody once a program has set their protocols.
    /// </summary>
    /// <exception cref="NotSupportedException">An end point has HTTP/3.</exception>
    public static void ThrowIfAny(KestrelServerOptions options)
    {
        try
        {
            if (OptionsInUse(options).Find(static endPoint => endPoint.Protocols.HasFlag(HttpProtocols.Http3)) is { } refused)
                throw Refusal($"{refused}");
        }
        catch (MissingMethodException)
        {
            // A Kestrel that has changed within. A test sees it; a program starts as ever.
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_OptionsInUse")]
    private static extern List<ListenOptions> OptionsInUse(KestrelServerOptions options);

    private static NotSupportedException Refusal(string endPoint) => new(
        $"The end point {endPoint} has HTTP/3, which workers of a cluster cannot share. Leave Http3 out of its Protocols (Http1AndHttp2), "
        + "or set ProcessCluster:Enabled to false.");
}
