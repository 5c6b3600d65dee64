using System.Runtime.InteropServices;

namespace ProcessCluster.TestApp;

/// <summary>Has orphans come to this process, as they come to process 1 of a container (<c>man 2 prctl</c>).</summary>
internal static partial class Subreaper
{
    private const int PR_SET_CHILD_SUBREAPER = 36;

    public static void Become()
    {
        Environment.SetEnvironmentVariable("SUBREAPER", null);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
            throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int operation, nint a, nint b, nint c, nint d);
}
