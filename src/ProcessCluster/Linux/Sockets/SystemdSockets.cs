using System.Globalization;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>The sockets that systemd started this process with (<c>man 3 sd_listen_fds</c>): descriptors from 3 on, with a name each.</summary>
internal static class SystemdSockets
{
    public const string ProcessVariable = "LISTEN_PID", CountVariable = "LISTEN_FDS", NamesVariable = "LISTEN_FDNAMES";

    private const int First = 3;

    private static readonly Lazy<string[]> All = new(static () => Take(
        Environment.ProcessId,
        Environment.GetEnvironmentVariable(ProcessVariable),
        Environment.GetEnvironmentVariable(CountVariable),
        Environment.GetEnvironmentVariable(NamesVariable)));

    /// <summary>Keeps programs that this process starts from inheriting them. To be called before any is started.</summary>
    public static void Take()
    {
        if (!OperatingSystemSupport.IsSupported)
            return;
        for (var i = 0; i < All.Value.Length; i++)
            _ = Libc.fcntl(First + i, Libc.F_SETFD, Libc.FD_CLOEXEC);
    }

    /// <summary>The descriptors of a name.</summary>
    public static IReadOnlyList<int> Find(string name) =>
        [.. Enumerable.Range(0, All.Value.Length).Where(i => All.Value[i] == name).Select(static i => First + i)];

    /// <summary>The names, in the descriptors' order.</summary>
    public static IReadOnlyList<string> Names => All.Value;

    /// <summary>The names of what is meant for this process; none when the variables are another's, or cannot be.</summary>
    internal static string[] Take(int self, string? process, string? count, string? names)
    {
        if (!int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id != self
            || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 1 or > int.MaxValue - First)
        {
            return [];
        }
        var given = names?.Split(':') ?? [];
        return given.Length == number ? given : [.. Enumerable.Repeat("unknown", number)]; // So says sd_listen_fds_with_names.
    }
}
