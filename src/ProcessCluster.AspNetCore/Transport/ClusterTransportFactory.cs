using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProcessCluster.AspNetCore.Draining;

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
    IOptions<ClusterOptions> clusterOptions,
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

    /// <summary>Returns the answer for a client whose request was under way (RFC 9110, 15.6.3). The client decides whether to send it again.</summary>
    private static byte[] BadGateway(string body) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

    /// <summary>Returns the listen options: Kestrel's transport options where there are some, else the cluster's.</summary>
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
            ReportsState = true,
            CrashAnswer = BadGateway(clusterOptions.Value.ConnectionSurvival.Body),
        };
    }
}
