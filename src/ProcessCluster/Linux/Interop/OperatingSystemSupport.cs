using System.Runtime.InteropServices;

namespace ProcessCluster.Linux.Interop;

/// <summary>The systems that clusters run on. Code for others goes into a folder beside this one.</summary>
internal static class OperatingSystemSupport
{
    /// <summary>Gets whether this is 64-bit Linux. Tests set it to false.</summary>
    public static bool IsSupported { get; set; } = OperatingSystem.IsLinux() && System.Environment.Is64BitProcess;

    /// <param name="call">The call that needs it, for example <c>Cluster.Fork</c>.</param>
    /// <param name="remedy">A sentence that says what to do instead.</param>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static void ThrowIfUnsupported(string call, string remedy)
    {
        if (IsSupported)
            return;
        var system = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}";
        throw new PlatformNotSupportedException(
            $"{call} needs 64-bit Linux, and this system is {system}. {remedy} "
            + "Cluster.IsSupported tells beforehand. To run a cluster here, use a Linux container or WSL.");
    }
}
