using System.Buffers.Binary;
using System.Net.Sockets;

namespace ProcessCluster.Platform;

/// <summary>The file of a Unix domain socket whose process is gone without having removed it, as after <c>kill -9</c>: it would hinder the next one.</summary>
internal static unsafe class StaleSocket
{
    // The beginning of struct statx is the same on every system (man 2 statx).
    private const int StatxSize = 256, UserOffset = 20, ModeOffset = 28;
    private const int TypeMask = 0xF000, SocketType = 0xC000;

    /// <summary>
    /// Removes the file if it is a socket of this user's that nobody listens on. One that is bound this very moment, and does not listen yet, looks
    /// the same; two programs that start at once on one path are beyond this.
    /// </summary>
    public static bool TryRemove(UnixDomainSocketEndPoint endPoint, string path)
    {
        if (!IsOwnSocket(path) || HasListener(endPoint))
            return false;
        File.Delete(path);
        return true;
    }

    private static bool IsOwnSocket(string path)
    {
        var status = stackalloc byte[StatxSize];
        if (Libc.statx(Libc.AT_FDCWD, path, Libc.AT_SYMLINK_NOFOLLOW, Libc.STATX_BASIC_STATS, status) < 0)
            return false;
        var bytes = new ReadOnlySpan<byte>(status, StatxSize);
        return (BinaryPrimitives.ReadUInt16LittleEndian(bytes[ModeOffset..]) & TypeMask) == SocketType
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[UserOffset..]) == Libc.geteuid();
    }

    private static bool HasListener(UnixDomainSocketEndPoint endPoint)
    {
        using var probe = new Socket(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        probe.Blocking = false; // A listener whose backlog is full is one, too.
        try
        {
            probe.Connect(endPoint);
            return true;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode != SocketError.ConnectionRefused;
        }
    }
}
