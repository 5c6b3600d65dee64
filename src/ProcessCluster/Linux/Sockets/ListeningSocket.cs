using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>The result of <see cref="ListeningSocket.TryAccept"/>.</summary>
internal enum AcceptResult
{
    Accepted,

    /// <summary>Nobody is waiting.</summary>
    None,

    /// <summary>A connection went away before it was accepted; the next may be there.</summary>
    Gone,

    /// <summary>No descriptor or no memory is left. Trying again at once would spin.</summary>
    Exhausted,
}

/// <summary>
/// A bound, listening socket whose connections are accepted as descriptors. .NET's <see cref="Socket"/> binds it, so that end points
/// and errors are those that every .NET program knows; no asynchronous operation is ever started on it, so that closing it is a
/// plain <c>close</c>.
/// </summary>
internal sealed unsafe class ListeningSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly Descriptor _descriptor;

    private ListeningSocket(Socket socket, EndPoint endPoint)
    {
        _socket = socket;
        EndPoint = endPoint;
        // Not owned by this handle: the socket closes it.
        _descriptor = new Descriptor((int)socket.Handle);
        var flags = Libc.fcntl(Number, Libc.F_GETFL, 0);
        if (Libc.fcntl(Number, Libc.F_SETFL, flags | Libc.O_NONBLOCK) < 0)
            throw Libc.LastException("The listening socket could not be made non-blocking");
    }

    /// <summary>As bound: with the real port.</summary>
    public EndPoint EndPoint { get; }

    public int Number => (int)_socket.Handle;

    public AddressFamily Family => _socket.AddressFamily;

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="NotSupportedException">The kind of end point cannot be shared.</exception>
    public static ListeningSocket Bind(EndPoint endPoint, ClusterListenOptions options)
    {
        OperatingSystemSupport.ThrowIfUnsupported("Cluster.ListenAsync", "Listen with System.Net.Sockets instead.");
        var socket = endPoint switch
        {
            IPEndPoint ip => TcpSocket(ip, options),
            UnixDomainSocketEndPoint unix => UnixSocket(unix, options),
            InheritedEndPoint inherited => InheritedSocket.Open(inherited, options.Backlog),
            _ => throw new NotSupportedException(
                $"A cluster cannot listen on '{endPoint}' ({endPoint.GetType().Name}): give an IPEndPoint, a UnixDomainSocketEndPoint "
                + "or an InheritedEndPoint."),
        };
        try
        {
            return new ListeningSocket(socket, socket.LocalEndPoint ?? endPoint);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A socket with the options, not bound. Connections that it accepts inherit them on Linux, which saves calls for each.</summary>
    public static Socket Tcp(IPEndPoint endPoint, ClusterListenOptions options)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = options.NoDelay;
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = options.DualMode && endPoint.Address.Equals(IPAddress.IPv6Any);
            if (options.KeepAlive > TimeSpan.Zero)
            {
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, (int)options.KeepAlive.TotalSeconds);
            }
            if (options.FastOpen > 0)
                socket.SetRawSocketOption(Libc.IPPROTO_TCP, Libc.TCP_FASTOPEN, BitConverter.GetBytes(options.FastOpen));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket TcpSocket(IPEndPoint endPoint, ClusterListenOptions options)
    {
        var socket = Tcp(endPoint, options);
        try
        {
            socket.Bind(endPoint);
            socket.Listen(options.Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket UnixSocket(UnixDomainSocketEndPoint endPoint, ClusterListenOptions options)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (UnixPath.IsAbstract(endPoint))
                socket.Bind(endPoint);
            else
                SocketFile.Bind(socket, endPoint, endPoint.ToString()!, options);
            socket.Listen(options.Backlog); // Until now whoever connects is refused.
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>One that was bound elsewhere. Takes over the descriptor.</summary>
    public static ListeningSocket Adopt(int descriptor)
    {
        var socket = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
        return new ListeningSocket(socket, socket.LocalEndPoint!);
    }

    public bool IsListening => SocketState.IsListening(_descriptor);

    /// <summary>For one that is bound and does not listen yet.</summary>
    /// <exception cref="SocketException">The system refuses.</exception>
    public void Listen(int backlog)
    {
        if (Libc.listen(_descriptor, backlog) < 0)
            throw Libc.LastSocketException();
    }

    /// <summary>For waiting.</summary>
    public Descriptor Descriptor => _descriptor;

    /// <summary>Takes one connection, non-blocking and closed on exec.</summary>
    public AcceptResult TryAccept(out int accepted, out PeerAddress peer)
    {
        var address = stackalloc byte[PeerAddress.MaxLength];
        var length = PeerAddress.MaxLength;
        accepted = Libc.accept4(_descriptor, address, &length, Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC);
        if (accepted >= 0)
        {
            peer = new PeerAddress(new ReadOnlySpan<byte>(address, Math.Min(length, PeerAddress.MaxLength)));
            return AcceptResult.Accepted;
        }
        peer = default;
        return Marshal.GetLastPInvokeError() switch
        {
            Libc.EAGAIN => AcceptResult.None,
            Libc.EMFILE or Libc.ENFILE or Libc.ENOMEM or Libc.ENOBUFS => AcceptResult.Exhausted,
            _ => AcceptResult.Gone, // man 2 accept: the error of a connection that is gone already is reported here.
        };
    }

    public void Dispose()
    {
        _descriptor.SetHandleAsInvalid();
        _socket.Dispose(); // It removes the file that it has made.
    }
}
