using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>
/// Calls on a connected stream socket. None of them blocks, whatever the flags of the socket are: whoever holds a copy of it can change these, in another process too.
/// Errors are <see cref="System.Net.Sockets.SocketException"/>s.
/// </summary>
internal static unsafe class StreamSocket
{
    private const int MaxVectors = 16;
    private const int MaxCounts = 100;

    /// <summary>False when nothing is there now; true with 0 bytes at the end of the stream.</summary>
    public static bool TryReceive(Descriptor socket, Span<byte> buffer, out int received) =>
        TryReceive(socket, buffer, 0, out received);

    /// <summary>As <see cref="TryReceive(Descriptor, Span{byte}, out int)"/>, but the bytes stay where they are, and the next receive gives them again.</summary>
    public static bool TryPeek(Descriptor socket, Span<byte> buffer, out int peeked) => TryReceive(socket, buffer, Libc.MSG_PEEK, out peeked);

    private static bool TryReceive(Descriptor socket, Span<byte> buffer, int flags, out int received)
    {
        nint result;
        fixed (byte* start = buffer)
        {
            do
            {
                result = Libc.recv(socket, start, (nuint)buffer.Length, flags | Libc.MSG_DONTWAIT);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);
        }
        received = (int)result;
        return result >= 0 || WouldBlock(out received);
    }

    /// <summary>False when the kernel takes nothing now; true with the number of bytes that it took, which may be a part.</summary>
    public static bool TrySend(Descriptor socket, ReadOnlySpan<byte> buffer, out int sent)
    {
        nint result;
        fixed (byte* start = buffer)
        {
            do
            {
                result = Libc.send(socket, start, (nuint)buffer.Length, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);
        }
        sent = (int)result;
        return result >= 0 || WouldBlock(out sent);
    }

    /// <summary>As the other, from up to 16 segments at once.</summary>
    public static bool TrySend(Descriptor socket, in ReadOnlySequence<byte> buffers, out int sent)
    {
        if (buffers.IsSingleSegment)
            return TrySend(socket, buffers.FirstSpan, out sent);

        var vectors = stackalloc Libc.IoVec[MaxVectors];
        var pins = new Pins();
        var count = 0;
        try
        {
            foreach (var memory in buffers)
            {
                if (count == MaxVectors)
                    break;
                pins[count] = memory.Pin();
                vectors[count] = new Libc.IoVec { Base = pins[count].Pointer, Length = (nuint)memory.Length };
                count++;
            }
            Libc.MsgHdr message = new() { Vectors = vectors, VectorCount = (nuint)count };
            nint result;
            do
            {
                result = Libc.sendmsg(socket, &message, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);
            sent = (int)result;
            return result >= 0 || WouldBlock(out sent);
        }
        finally
        {
            for (var i = 0; i < count; i++)
                pins[i].Dispose();
        }
    }

    /// <summary>Ends one or both directions for every holder of the connection. A connection that is gone already is no error.</summary>
    public static void Shutdown(Descriptor socket, bool both) => Libc.shutdown(socket, both ? Libc.SHUT_RDWR : Libc.SHUT_WR);

    /// <summary>
    /// Ends the connection for every holder so that the peer sees that it was cut: TCP's is reset, at once (to connect to no address dissolves a connection,
    /// <c>man 2 connect</c>; tcp_disconnect); another kind of socket knows no reset, and ends in order. A connection that is gone already is no error.
    /// </summary>
    public static void Reset(Descriptor socket)
    {
        var nowhere = stackalloc byte[PeerAddress.MaxLength];
        new Span<byte>(nowhere, PeerAddress.MaxLength).Clear(); // AF_UNSPEC is 0.
        if (Libc.connect(socket, nowhere, PeerAddress.MaxLength) < 0)
            Shutdown(socket, both: true);
    }

    public static IPEndPoint? LocalEndPoint(Descriptor socket)
    {
        var address = stackalloc byte[PeerAddress.MaxLength];
        var length = PeerAddress.MaxLength;
        return Libc.getsockname(socket, address, &length) < 0
            ? null
            : PeerAddress.Parse(new ReadOnlySpan<byte>(address, Math.Min(length, PeerAddress.MaxLength)));
    }

    /// <summary>
    /// Returns the number of bytes that were sent on a connection since it was accepted, by whatever process: those that the peer has acknowledged, and those that wait for it
    /// (<c>TCP_INFO</c>, <c>SIOCOUTQ</c>; <c>man 7 tcp</c>). False for other sockets, before Linux 4.1, and while somebody is still sending on it.
    /// </summary>
    public static bool TryCountSent(int descriptor, out long sent)
    {
        sent = 0;
        // What is sent already is acknowledged at some time. A process that has a copy and goes on sending must not keep this one here.
        for (var tries = 0; tries < MaxCounts && TryCountAcknowledged(descriptor, out var before); tries++)
        {
            int waiting;
            if (Libc.ioctl(descriptor, Libc.SIOCOUTQ, &waiting) < 0 || !TryCountAcknowledged(descriptor, out var after))
                return false;
            if (before != after)
                continue; // What was acknowledged meanwhile is counted twice or not at all.
            sent = before + waiting;
            return true;
        }
        return false;
    }

    private static bool TryCountAcknowledged(int descriptor, out long bytes)
    {
        var info = stackalloc byte[Libc.TcpInfoBytesAcked + sizeof(long)];
        var length = Libc.TcpInfoBytesAcked + sizeof(long);
        var isThere = Libc.getsockopt(descriptor, Libc.IPPROTO_TCP, Libc.TCP_INFO, info, &length) == 0 && length == Libc.TcpInfoBytesAcked + sizeof(long);
        bytes = isThere ? *(long*)(info + Libc.TcpInfoBytesAcked) : 0;
        return isThere;
    }

    /// <summary>Returns whether it is a stream socket of this family that does not listen: one that <c>accept</c> could have given.</summary>
    public static bool IsConnection(int descriptor, AddressFamily family) =>
        Option(descriptor, Libc.SO_TYPE) == Libc.SOCK_STREAM
        && Option(descriptor, Libc.SO_ACCEPTCONN) == 0
        && Option(descriptor, Libc.SO_DOMAIN) == (family == AddressFamily.Unix ? Libc.AF_UNIX : family == AddressFamily.InterNetwork ? Libc.AF_INET : Libc.AF_INET6);

    /// <summary>
    /// Undoes what another process may have set on a connection that it had and that this process goes on with: the next reader is woken for each byte, no call waits, no signal comes,
    /// and closing does not linger. What is not possible is left: the connection is broken then, which its next use tells.
    /// </summary>
    public static void Reclaim(int descriptor)
    {
        _ = Libc.fcntl(descriptor, Libc.F_SETFL, Libc.O_RDWR | Libc.O_NONBLOCK);
        var one = 1;
        _ = Libc.setsockopt(descriptor, Libc.SOL_SOCKET, Libc.SO_RCVLOWAT, &one, sizeof(int));
        EndLingering(descriptor);
    }

    /// <summary>
    /// Closes this process's copy of a connection that another process has or had. With <c>SO_LINGER</c> the last <c>close</c> would wait for the peer, for as
    /// long as the other process has said (<c>man 7 socket</c>), also on a non-blocking socket. Lingering for no time at all, a reset, stays.
    /// </summary>
    public static void CloseCopy(int descriptor)
    {
        EndLingering(descriptor);
        Libc.close(descriptor);
    }

    /// <inheritdoc cref="CloseCopy(int)"/>
    public static void CloseCopy(Descriptor socket)
    {
        if (!socket.IsClosed)
            EndLingering(socket.Number);
        socket.Dispose();
    }

    private static void EndLingering(int descriptor)
    {
        var linger = stackalloc int[2];
        var length = 2 * sizeof(int);
        if (Libc.getsockopt(descriptor, Libc.SOL_SOCKET, Libc.SO_LINGER, linger, &length) < 0 || linger[0] == 0 || linger[1] <= 0)
            return;
        linger[0] = 0;
        _ = Libc.setsockopt(descriptor, Libc.SOL_SOCKET, Libc.SO_LINGER, linger, 2 * sizeof(int));
    }

    private static int Option(int descriptor, int name)
    {
        int value;
        var length = sizeof(int);
        return Libc.getsockopt(descriptor, Libc.SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
    }

    /// <summary>For .NET's socket, which takes it over and expects it in the blocking state.</summary>
    public static SafeSocketHandle ToSocketHandle(Descriptor socket)
    {
        var flags = Libc.fcntl(socket.Number, Libc.F_GETFL, 0);
        if (Libc.fcntl(socket.Number, Libc.F_SETFL, flags & ~Libc.O_NONBLOCK) < 0)
            throw Libc.LastSocketException();
        return new SafeSocketHandle(socket.Release(), ownsHandle: true);
    }

    /// <summary>Throws away so many bytes that have been received.</summary>
    public static void Skip(Descriptor socket, int count)
    {
        Span<byte> buffer = stackalloc byte[Math.Min(count, 4096)];
        while (count > 0 && TryReceive(socket, buffer[..Math.Min(count, buffer.Length)], out var received) && received > 0)
            count -= received;
    }

    /// <summary>
    /// Reads what the peer has sent, and leaves it in the kernel. Returns 0 when nothing is there, -1 when nothing will come any more. Never blocks.
    /// </summary>
    public static int Peek(int descriptor, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nint received;
            while ((received = Libc.recv(descriptor, start, (nuint)buffer.Length, Libc.MSG_PEEK | Libc.MSG_DONTWAIT)) < 0)
            {
                switch (Marshal.GetLastPInvokeError())
                {
                    case Libc.EINTR:
                        continue;
                    case Libc.EAGAIN:
                        return 0;
                    default:
                        return -1;
                }
            }
            return received == 0 ? -1 : (int)received;
        }
    }

    /// <summary>A .NET socket on the same descriptor, which it does not own.</summary>
    public static Socket ViewAsSocket(Descriptor socket) => new(new SafeSocketHandle(socket.Number, ownsHandle: false));

    private static bool WouldBlock(out int count)
    {
        count = 0;
        var error = Marshal.GetLastPInvokeError();
        return error == Libc.EAGAIN ? false : throw Libc.ToSocketException(error);
    }

    [System.Runtime.CompilerServices.InlineArray(MaxVectors)]
    private struct Pins
    {
        private MemoryHandle _first;
    }
}
