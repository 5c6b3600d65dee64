using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>
/// The path of a Unix domain socket as text. Abstract names (Linux, <c>man 7 unix</c>) begin with a null character, for which
/// <see cref="UnixDomainSocketEndPoint"/> writes an at sign, which a file's name may begin with as well.
/// </summary>
internal static class UnixPath
{
    private const int PathOffset = 2; // sizeof(sa_family_t)
    private const int MaxLength = 107; // sun_path, and the null at its end

    public static string Of(EndPoint endPoint)
    {
        var text = endPoint.ToString()!;
        return IsAbstract(endPoint) ? $"\0{text[1..]}" : text;
    }

    /// <summary>
    /// As the primary understands it: a relative path means this process's directory, which need not be the primary's. One whose whole path is longer than an address has room
    /// for (<c>man 7 unix</c>) is given as seen from the primary's directory.
    /// </summary>
    /// <exception cref="ArgumentException">It is too long in both ways.</exception>
    public static EndPoint ForPrimary(EndPoint endPoint)
    {
        if (endPoint is not UnixDomainSocketEndPoint || IsAbstract(endPoint))
            return endPoint;
        var absolute = Path.GetFullPath(endPoint.ToString()!);
        if (TryParse(absolute, out var whole))
            return whole;
        var primarys = new DirectoryInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{Libc.getppid()}/cwd")).LinkTarget;
        return primarys is not null && TryParse(Path.GetRelativePath(primarys, absolute), out var relative)
            ? relative
            : throw new ArgumentException(
                $"The socket '{endPoint}' is '{absolute}' for the primary, which has another directory ('{primarys}'), and longer than the "
                + $"{MaxLength} bytes that the path of a socket can have. Give a shorter path, or leave ClusterOptions.WorkingDirectory as it is.",
                nameof(endPoint));
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

    public static bool IsAbstract(EndPoint endPoint) => endPoint.Serialize() is { Size: > PathOffset } address && address[PathOffset] == 0;
}
