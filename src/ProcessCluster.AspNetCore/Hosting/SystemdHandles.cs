using System.Globalization;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>
/// The sockets that systemd has given the primary, for Kestrel's <c>UseSystemd()</c> in a worker, which listens on each as a handle: that means the
/// primary's.
/// </summary>
internal static class SystemdHandles
{
    private const string ProcessVariable = "LISTEN_PID", CountVariable = "LISTEN_FDS";

    /// <summary>
    /// Workers are told how many there are, not that they are theirs. In .NET's copy of the environment only, and with this process's number: neither
    /// native code nor programs that it starts take them for their own.
    /// </summary>
    public static void ShowToKestrel()
    {
        if (Environment.GetEnvironmentVariable(CountVariable) is not null)
            Environment.SetEnvironmentVariable(ProcessVariable, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
    }
}
