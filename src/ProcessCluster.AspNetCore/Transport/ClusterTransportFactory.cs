using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProcessCluster.AspNetCore.Drain;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>
/// Gives Kestrel, in a worker, listeners whose connections come from the primary. Kestrel asks the factory that was registered last
/// first; end points that cannot be shared are left to the others.
/// </summary>
internal sealed class ClusterTransportFactory(
    ICluster cluster, ConnectionDrain drain, IOptions<SocketTransportOptions> options, IMemoryPoolFactory<byte> pools, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly ILogger _logger = loggers.CreateLogger("ProcessCluster.AspNetCore.Transport");

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or FileHandleEndPoint;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint is FileHandleEndPoint)
        {
            throw new NotSupportedException(
                $"The end point {endpoint} is an inherited handle, which a cluster cannot share yet. Listen on an address instead, "
                + "or set ProcessCluster:Enabled to false.");
        }
        if (options.Value.CreateBoundListenSocket != SocketTransportOptions.CreateDefaultBoundListenSocket)
        {
            throw new NotSupportedException(
                "SocketTransportOptions.CreateBoundListenSocket has no effect in a cluster, because the primary binds the end points. "
                + "Remove it, or set ProcessCluster:Enabled to false.");
        }
        try
        {
            var listener = await cluster.ListenAsync(
                endpoint,
                new ClusterListenOptions { Backlog = options.Value.Backlog, NoDelay = options.Value.NoDelay },
                cancellationToken).ConfigureAwait(false);
            return new ClusterConnectionListener(listener, drain, options.Value, pools.Create(), _logger);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(exception.Message, exception);
        }
    }
}
