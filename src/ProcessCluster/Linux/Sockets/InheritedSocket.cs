using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>A listening socket that this process was started with. What is used is a copy, so that closing it closes nothing of the program's.</summary>
internal static class InheritedSocket
{
    /// <exception cref="SocketException">There is no such descriptor or name, or it is no stream socket that listens or can.</exception>
    public static Socket Open(InheritedEndPoint endPoint, int backlog)
    {
        var number = endPoint.Descriptor ?? NumberOf(endPoint.Name!);
        var socket = CopyOf(number);
        try
        {
            if (socket.SocketType == SocketType.Unknown)
                throw Refused(SocketError.NotSocket, number, "is not a socket.");
            if (socket.SocketType != SocketType.Stream
                || socket.AddressFamily is not (AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 or AddressFamily.Unix))
            {
                throw Refused(
                    SocketError.OperationNotSupported,
                    number,
                    $"is a socket of the kind {socket.SocketType}, {socket.AddressFamily}. Give a stream socket of IPv4, IPv6 or a Unix domain "
                    + "(ListenStream= in a unit of systemd).");
            }
            if ((int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.AcceptConnection)! == 0)
                Listen(socket, number, backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static int NumberOf(string name) => SystemdSockets.Find(name) switch
    {
        [var only] => only,
        [] => throw new SocketException((int)SocketError.AddressNotAvailable, Missing(name)),
        var several => throw new SocketException(
            (int)SocketError.AddressNotAvailable,
            $"systemd has given the primary {several.Count} sockets named '{name}', the descriptors {string.Join(", ", several)}. Give one by its number."),
    };

    private static string Missing(string name)
    {
        if (SystemdSockets.Names.Count == 0)
            return $"systemd has given the primary no socket, and so none named '{name}'. Start it by its unit of systemd, with a unit for the socket.";
        var others = string.Join(", ", SystemdSockets.Names.Distinct().Select(static other => $"'{other}'"));
        return $"systemd has given the primary no socket '{name}', but {others}. FileDescriptorName= in the unit of the socket sets the name.";
    }

    private static Socket CopyOf(int number)
    {
        var copy = new SafeSocketHandle(Libc.fcntl(number, Libc.F_DUPFD_CLOEXEC, 0), ownsHandle: true);
        if (copy.IsInvalid)
            throw Refused(SocketError.NotSocket, number, "is not open. Start the primary with it, or listen on an address.");
        try
        {
            return new Socket(copy);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    private static void Listen(Socket socket, int number, int backlog)
    {
        if (socket.Connected || socket.LocalEndPoint is null or IPEndPoint { Port: 0 } || socket.LocalEndPoint.ToString() is "")
        {
            throw Refused(
                SocketError.InvalidArgument,
                number,
                $"is a socket that {(socket.Connected ? "is connected" : "has no address")}. Bind it, or have it listen, before the primary starts.");
        }
        socket.Listen(backlog);
    }

    private static SocketException Refused(SocketError error, int number, string reason) => new((int)error, $"The primary's descriptor {number} {reason}");
}
