using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>
/// Calls on a UDP socket that other processes hold too. None of them blocks, by a flag of the call: whether the socket itself blocks is a
/// property that all its holders share. Errors are <see cref="SocketException"/>s.
/// </summary>
internal static unsafe class DatagramSocket
{
    /// <summary>
    /// Binds as .NET's <see cref="Socket"/> does, so that end points and errors are those that every .NET program knows. What is given is
    /// a copy that closes with <c>close(2)</c> alone: a <see cref="Socket"/> may shut the socket down when it is disposed, which on Linux ends
    /// receiving in every process.
    /// </summary>
    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="NotSupportedException">It is another kind of end point.</exception>
    public static Descriptor Bind(EndPoint endPoint, ClusterUdpOptions options, out IPEndPoint bound)
    {
        OperatingSystemSupport.ThrowIfUnsupported("Cluster.BindUdpAsync", "Bind with System.Net.Sockets instead.");
        var address = ThrowIfNotIP(endPoint);
        using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            socket.DualMode = options.DualMode && address.Address.Equals(IPAddress.IPv6Any);
        socket.EnableBroadcast = options.EnableBroadcast;
        if (options.ReceiveBufferBytes > 0)
            socket.ReceiveBufferSize = options.ReceiveBufferBytes;
        if (options.SendBufferBytes > 0)
            socket.SendBufferSize = options.SendBufferBytes;
        socket.Bind(address);
        bound = (IPEndPoint)socket.LocalEndPoint!;
        return Descriptor.DuplicateOf((int)socket.Handle);
    }

    /// <exception cref="NotSupportedException">It is another kind of end point.</exception>
    public static IPEndPoint ThrowIfNotIP(EndPoint endPoint) => endPoint as IPEndPoint ?? throw new NotSupportedException(
        $"A UDP socket cannot be bound to '{endPoint}' ({endPoint.GetType().Name}): give an IPEndPoint.");

    /// <summary>Takes one datagram; false when there is none now.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="buffer">The buffer for the datagram.</param>
    /// <param name="address">The buffer for the sender's <c>sockaddr</c>.</param>
    /// <param name="length">The datagram's length.</param>
    /// <param name="addressLength">The length of the sender's <c>sockaddr</c>.</param>
    /// <exception cref="SocketException">It does not fit in the buffer, and is lost.</exception>
    public static bool TryReceive(Descriptor socket, Span<byte> buffer, Span<byte> address, out int length, out int addressLength)
    {
        fixed (byte* start = buffer, sender = address)
        {
            while (true)
            {
                var size = address.Length;
                var received = Libc.recvfrom(socket, start, (nuint)buffer.Length, Libc.MSG_DONTWAIT | Libc.MSG_TRUNC, sender, &size);
                length = (int)received;
                addressLength = Math.Min(size, address.Length);
                if (received > buffer.Length)
                {
                    throw new SocketException((int)SocketError.MessageSize,
                        $"A datagram of {received} bytes does not fit in the buffer of {buffer.Length} and is lost: 65,535 hold every one.");
                }
                if (received >= 0)
                    return true;
                if (Marshal.GetLastPInvokeError() is var error and not Libc.EINTR)
                    return error == Libc.EAGAIN ? false : throw Libc.ToSocketException(error);
            }
        }
    }

    /// <summary>Sends one datagram; false when the kernel has no room for it now.</summary>
    /// <exception cref="SocketException">It is too long, or cannot be sent there.</exception>
    public static bool TrySend(Descriptor socket, ReadOnlySpan<byte> datagram, ReadOnlySpan<byte> address)
    {
        fixed (byte* start = datagram, receiver = address)
        {
            while (Libc.sendto(socket, start, (nuint)datagram.Length, Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL, receiver, address.Length) < 0)
            {
                if (Marshal.GetLastPInvokeError() is var error and not Libc.EINTR)
                    return error == Libc.EAGAIN ? false : throw Libc.ToSocketException(error);
            }
            return true;
        }
    }
}
