using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Platform;

/// <summary>
/// The path of a Unix domain socket as text. Abstract names (Linux, <c>man 7 unix</c>) begin with a null character, for which
/// <see cref="UnixDomainSocketEndPoint"/> writes an at sign, which a file's name may begin with as well.
/// </summary>
internal static class UnixPath
{
    private const int PathOffset = 2; // sizeof(sa_family_t)

    public static string Of(EndPoint endPoint)
    {
        var text = endPoint.ToString()!;
        return IsAbstract(endPoint) ? $"\0{text[1..]}" : text;
    }

    /// <summary>
    /// A relative path means this process's directory, which need not be the primary's. One whose whole path is longer than an address has room
    /// for (<c>man 7 unix</c>: 108 bytes) is given as seen from the primary's directory.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">That is too long as well.</exception>
    public static EndPoint Absolute(EndPoint endPoint)
    {
        if (endPoint is not UnixDomainSocketEndPoint || IsAbstract(endPoint))
            return endPoint;
        var path = Path.GetFullPath(endPoint.ToString()!);
        if (TryParse(path, out var absolute))
            return absolute;
        var primary = new FileInfo($"/proc/{Libc.getppid()}/cwd").LinkTarget;
        return primary is not null && TryParse(Path.GetRelativePath(primary, path), out var relative) ? relative : new UnixDomainSocketEndPoint(path);
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out UnixDomainSocketEndPoint? endPoint)
    {
        try
        {
            endPoint = new UnixDomainSocketEndPoint(text);
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or PlatformNotSupportedException)
        {
            endPoint = null; // Empty, or longer than sockaddr_un has room for.
            return false;
        }
    }

    private static bool IsAbstract(EndPoint endPoint) => endPoint.Serialize() is { Size: > PathOffset } address && address[PathOffset] == 0;
}
