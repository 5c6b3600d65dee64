using System.Diagnostics;
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

    /// <summary>As a container's process 1 that starts the program in its own session, and lives until it has no child any more.</summary>
    public static int RunInit(string[] arguments)
    {
        Become();
        using var program = Process.Start(Environment.ProcessPath!, arguments);
        program.WaitForExit();
        while (waitpid(-1, 0, 0) > 0)
            Console.WriteLine("reaped");
        return 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int id, nint status, int options);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int operation, nint a, nint b, nint c, nint d);
}
