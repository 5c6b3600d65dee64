using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ProcessCluster.Platform;

/// <summary>What <see cref="ListeningSocket.TryAccept"/> found.</summary>
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
    private readonly string? _path;

    private ListeningSocket(Socket socket, EndPoint endPoint, string? path)
    {
        _socket = socket;
        _path = path;
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

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="NotSupportedException">The kind of end point cannot be shared.</exception>
    public static ListeningSocket Bind(EndPoint endPoint, ClusterListenOptions options)
    {
        OperatingSystemSupport.ThrowIfNotLinux();
        var socket = endPoint switch
        {
            IPEndPoint ip => new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp),
            UnixDomainSocketEndPoint => new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
            _ => throw new NotSupportedException(
                $"A cluster cannot listen on '{endPoint}' ({endPoint.GetType().Name}): give an IPEndPoint or a UnixDomainSocketEndPoint."),
        };
        try
        {
            if (endPoint is IPEndPoint address)
            {
                // Accepted connections inherit it on Linux, which saves a call for each.
                socket.NoDelay = options.NoDelay;
                if (address.AddressFamily == AddressFamily.InterNetworkV6)
                    socket.DualMode = options.DualMode && address.Address.Equals(IPAddress.IPv6Any);
            }
            var path = endPoint is UnixDomainSocketEndPoint && endPoint.ToString() is ['/', ..] file ? file : null;
            try
            {
                socket.Bind(endPoint);
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse
                && path is not null && StaleSocket.TryRemove((UnixDomainSocketEndPoint)endPoint, path))
            {
                socket.Bind(endPoint);
            }
            socket.Listen(options.Backlog);
            return new ListeningSocket(socket, socket.LocalEndPoint ?? endPoint, path);
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
        return new ListeningSocket(socket, socket.LocalEndPoint!, path: null);
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
        _socket.Dispose();
        if (_path is not null)
            File.Delete(_path);
    }
}
