using System.Globalization;
using System.Net.Sockets;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Linux.Systemd;

/// <summary>
/// The socket on which systemd hears of a service: a datagram socket, named in <c>NOTIFY_SOCKET</c> (<c>man 3 sd_notify</c>).
/// </summary>
internal sealed class NotifySocket
{
    public const string Variable = "NOTIFY_SOCKET", WatchdogVariable = "WATCHDOG_USEC", WatchdogProcessVariable = "WATCHDOG_PID";

    /// <summary>The time for which a message may wait while systemd does not read.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private readonly UnixDomainSocketEndPoint _endPoint;

    private NotifySocket(UnixDomainSocketEndPoint endPoint) => _endPoint = endPoint;

    /// <summary>The one of this process's environment; null when there is none, or it is none.</summary>
    public static NotifySocket? OfEnvironment() => Parse(Environment.GetEnvironmentVariable(Variable));

    /// <summary>A path, or an abstract name that begins with an at sign.</summary>
    internal static NotifySocket? Parse(string? address) => address switch
    {
        ['/', ..] when UnixPath.TryParse(address, out var path) => new NotifySocket(path),
        ['@', _, ..] when UnixPath.TryParse($"\0{address[1..]}", out var name) => new NotifySocket(name),
        _ => null,
    };

    /// <summary>Gets the longest interval at which systemd wants a sign of life; null when it wants none of this process.</summary>
    public static TimeSpan? WatchdogOfEnvironment() => Watchdog(
        Environment.ProcessId, Environment.GetEnvironmentVariable(WatchdogVariable), Environment.GetEnvironmentVariable(WatchdogProcessVariable));

    internal static TimeSpan? Watchdog(int self, string? microseconds, string? process) =>
        long.TryParse(microseconds, NumberStyles.None, CultureInfo.InvariantCulture, out var time)
        && time is > 0 and <= long.MaxValue / TimeSpan.TicksPerMicrosecond
        && (process is null || process == self.ToString(CultureInfo.InvariantCulture))
            ? TimeSpan.FromMicroseconds(time)
            : null;

    /// <summary>Sends one message, whole.</summary>
    /// <exception cref="SocketException">Nobody is there, or it did not read in time.</exception>
    public void Send(string state)
    {
        // One for each, as sd_notify has it: they are few, and whoever reads may have been started again.
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.SendTimeout = (int)Patience.TotalMilliseconds;
        socket.SendTo(System.Text.Encoding.UTF8.GetBytes(state), _endPoint);
    }
}
