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
    ICluster cluster,
    ConnectionDrain drain,
    IOptions<SocketTransportOptions> options,
    IOptions<ClusterListenOptions> listenOptions,
    IMemoryPoolFactory<byte> pools,
    ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly ILogger _logger = loggers.CreateLogger("ProcessCluster.AspNetCore.Transport");

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or FileHandleEndPoint or InheritedEndPoint;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (options.Value.CreateBoundListenSocket != SocketTransportOptions.CreateDefaultBoundListenSocket)
        {
            throw new NotSupportedException(
                "SocketTransportOptions.CreateBoundListenSocket has no effect in a cluster, because the primary binds the end points. "
                + "Remove it, or set ProcessCluster:Enabled to false.");
        }
        try
        {
            // A handle is the primary's: this process has other descriptors under these numbers.
            var listener = await cluster.ListenAsync(
                endpoint is FileHandleEndPoint handle ? new InheritedEndPoint(checked((int)handle.FileHandle)) : endpoint,
                Options(),
                cancellationToken).ConfigureAwait(false);
            return new ClusterConnectionListener(listener, drain, options.Value, pools.Create(), _logger);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(exception.Message, exception);
        }
    }

    /// <summary>What Kestrel's transport has options for is set there, as ever; the rest is the cluster's.</summary>
    private ClusterListenOptions Options()
    {
        var cluster = listenOptions.Value;
        return new ClusterListenOptions
        {
            Backlog = options.Value.Backlog,
            NoDelay = options.Value.NoDelay,
            DualMode = cluster.DualMode,
            KeepAlive = cluster.KeepAlive,
            FastOpen = cluster.FastOpen,
            Exclusive = cluster.Exclusive,
            UnixFileMode = cluster.UnixFileMode,
            UnixUser = cluster.UnixUser,
            UnixGroup = cluster.UnixGroup,
            CanAccept = cluster.CanAccept,
        };
    }
}
