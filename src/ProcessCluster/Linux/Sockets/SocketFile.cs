using System.Net.Sockets;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>Binds Unix domain sockets to files, with the permissions and the owner that were asked for.</summary>
internal static class SocketFile
{
    private const uint Unchanged = uint.MaxValue;

    /// <exception cref="SocketException">The path is taken, not allowed or not there, or the file cannot be given away.</exception>
    public static void Bind(Socket socket, UnixDomainSocketEndPoint endPoint, string path, ClusterListenOptions options)
    {
        // The file gets the permissions that the socket has, less the umask (unix_bind_bsd in the kernel): there is no moment with wider ones.
        if (options.UnixFileMode is { } mode && Libc.fchmod((int)socket.Handle, (uint)mode) < 0)
            throw Refused(path, "could not be given its permissions");
        try
        {
            socket.Bind(endPoint);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse && StaleSocket.TryRemove(endPoint, path))
        {
            socket.Bind(endPoint);
        }
        var (user, group) = (options.UnixUser ?? Unchanged, options.UnixGroup ?? Unchanged);
        if ((user, group) is not (Unchanged, Unchanged) && Libc.lchown(path, user, group) < 0)
            throw Refused(path, $"could not be given to {Describe("user", options.UnixUser)}{Describe("group", options.UnixGroup)}");
        if (options.UnixFileMode is { } wanted && Libc.chmod(path, (uint)wanted) < 0) // What the umask took.
            throw Refused(path, "could not be given its permissions");
    }

    private static string Describe(string what, uint? number) => number is null ? "" : $"{what} {number} ";

    private static SocketException Refused(string path, string what)
    {
        var errno = Marshal.GetLastPInvokeError();
        return new SocketException(
            (int)Libc.ToSocketException(errno).SocketErrorCode,
            $"The file of the socket '{path}' {what.TrimEnd()}: {Marshal.GetPInvokeErrorMessage(errno)}.");
    }
}
