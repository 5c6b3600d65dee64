using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// An end point on which each worker has a listening socket of its own (<c>SO_REUSEPORT</c>, <c>man 7 socket</c>). The primary holds the port with a
/// socket that does not listen, so that it stays the cluster's, and nobody else's, also of the same user: the kernel lets those share that
/// have set the option, of which this one is told after it is bound, when it can be shared with nobody who binds without it.
/// </summary>
internal sealed class ReusePortGroup : IPort
{
    private readonly Socket _holder;

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="NotSupportedException">It is none of TCP.</exception>
    public ReusePortGroup(int id, EndPoint endPoint, ClusterListenOptions options)
    {
        Id = id;
        if (endPoint is not IPEndPoint ip)
            throw new NotSupportedException($"Mode is ReusePort, which is for TCP: '{endPoint}' needs Handoff or SharedListener (EndPoints:Mode).");
        _holder = ListeningSocket.Tcp(ip, options);
        try
        {
            _holder.Bind(ip); // With SO_REUSEADDR, as .NET does: connections of a cluster before it may be in TIME_WAIT.
            SocketState.SetReuseAddress(_holder, false);
            SocketState.SetReusePort(_holder);
            EndPoint = _holder.LocalEndPoint!;
        }
        catch
        {
            _holder.Dispose();
            throw;
        }
    }

    /// <summary>Gets whether the connections in a dead worker's queue go to the others (<c>net.ipv4.tcp_migrate_req</c>, Linux 5.14); else the kernel resets them.</summary>
    public static bool MigratesQueues
    {
        get
        {
            try
            {
                return File.ReadAllText("/proc/sys/net/ipv4/tcp_migrate_req").Trim() != "0";
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return false; // An older kernel, or a /proc that does not show it.
            }
        }
    }

    public int Id { get; }

    public EndPoint EndPoint { get; }

    public bool WaitsForTime => false;

    public bool IsHolding => false;

    public SocketType SocketType => SocketType.Stream;

    /// <summary>A socket for a worker, bound. It listens when the worker says so.</summary>
    /// <exception cref="SocketException">No descriptor is left.</exception>
    public Descriptor Open(ClusterListenOptions options)
    {
        using var socket = ListeningSocket.Tcp((IPEndPoint)EndPoint, options);
        SocketState.SetReusePort(socket);
        socket.Bind(EndPoint);
        var copy = Descriptor.DuplicateOf((int)socket.Handle);
        copy.SetNonBlocking();
        return copy;
    }

    public void Dispose() => _holder.Dispose();
}
