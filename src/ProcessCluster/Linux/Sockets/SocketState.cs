using System.Net.Sockets;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>The state of a socket, as far as .NET's does not tell it.</summary>
internal static unsafe class SocketState
{
    /// <summary>Returns whether something can be received or accepted.</summary>
    public static bool IsReadable(int descriptor)
    {
        var poll = new Libc.PollFd { Descriptor = descriptor, Events = Libc.POLLIN };
        return Libc.poll(&poll, 1, 0) > 0 && (poll.Returned & Libc.POLLIN) != 0;
    }

    /// <summary>Returns whether it listens.</summary>
    public static bool IsListening(Descriptor socket)
    {
        int value;
        var length = sizeof(int);
        return Libc.getsockopt(socket, Libc.SOL_SOCKET, Libc.SO_ACCEPTCONN, &value, &length) == 0 && value != 0;
    }

    /// <summary>Returns whether the connection has ended: the peer has sent its end or a reset, or both directions were ended here.</summary>
    public static bool HasEnded(Descriptor socket)
    {
        const short peerEnded = 0x2000; // POLLRDHUP
        const short hungUp = 0x10, broken = 0x8; // POLLHUP, POLLERR: always told.
        var poll = new Libc.PollFd { Descriptor = socket.Number, Events = peerEnded };
        return Libc.poll(&poll, 1, 0) > 0 && (poll.Returned & (peerEnded | hungUp | broken)) != 0;
    }

    /// <summary>Lets further sockets be bound to the same port; the kernel spreads connections over those that listen (<c>SO_REUSEPORT</c>, <c>man 7 socket</c>).</summary>
    /// <exception cref="SocketException">The system does not have it.</exception>
    public static void SetReusePort(Socket socket) => Set(socket, Libc.SO_REUSEPORT, true);

    /// <summary>Sets whether an address in <c>TIME_WAIT</c> can be bound (<c>SO_REUSEADDR</c>, <c>man 7 socket</c>).</summary>
    /// <exception cref="SocketException">The system refuses.</exception>
    public static void SetReuseAddress(Socket socket, bool value) => Set(socket, Libc.SO_REUSEADDR, value);

    private static void Set(Socket socket, int option, bool value)
    {
        var number = value ? 1 : 0;
        using var view = new Descriptor((int)socket.Handle);
        var result = Libc.setsockopt(view, Libc.SOL_SOCKET, option, &number, sizeof(int));
        view.SetHandleAsInvalid(); // The socket closes it.
        if (result < 0)
            throw Libc.LastSocketException();
    }
}
