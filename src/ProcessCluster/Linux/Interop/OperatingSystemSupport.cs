namespace ProcessCluster.Linux.Interop;

/// <summary>The systems that clusters run on. Code for others goes into a folder beside this one.</summary>
internal static class OperatingSystemSupport
{
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static void ThrowIfNotLinux()
    {
        if (!OperatingSystem.IsLinux() || !System.Environment.Is64BitProcess)
        {
            throw new PlatformNotSupportedException(
                "ProcessCluster runs clusters on 64-bit Linux only so far. Here a web host stays one process with "
                + "ProcessCluster:Enabled=false; listen with System.Net.Sockets instead of Cluster.ListenAsync.");
        }
    }
}
