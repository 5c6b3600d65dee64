using System.Net.Sockets;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>The file of a Unix domain socket whose process is gone without having removed it, as after <c>kill -9</c>: it would hinder the next one.</summary>
internal static class StaleSocket
{
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

    private static bool IsOwnSocket(string path) =>
        FileStatus.Of(path) is { Kind: FileKind.Socket } file && file.Owner == Libc.geteuid();

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
