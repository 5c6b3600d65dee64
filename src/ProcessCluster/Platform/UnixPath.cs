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

    /// <summary>A relative path means this process's directory, which need not be the primary's.</summary>
    public static EndPoint Absolute(EndPoint endPoint) =>
        endPoint is UnixDomainSocketEndPoint && !IsAbstract(endPoint)
            ? new UnixDomainSocketEndPoint(Path.GetFullPath(endPoint.ToString()!))
            : endPoint;

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
