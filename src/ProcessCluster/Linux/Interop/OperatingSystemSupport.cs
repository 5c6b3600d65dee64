namespace ProcessCluster.Linux.Interop;

/// <summary>Where clusters run so far. Code for other systems goes into this folder, beside Linux's.</summary>
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
