using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Files;

/// <summary>The limit of files that this process may have open.</summary>
internal static unsafe class OpenFiles
{
    private const int MaxReserve = 32;

    private static readonly long FirstReserved = Limit - Math.Min(MaxReserve, Limit / 16);

    /// <summary>
    /// Returns whether so few descriptors are left that this one should not stay open. .NET opens a pipe for every thread it starts and ends the process
    /// with "Out of memory." when it gets none, so connections leave some for it. POSIX gives the lowest free number, which makes the check cheap.
    /// </summary>
    public static bool IsReserved(int descriptor) => descriptor >= FirstReserved;

    /// <summary>The limit (<c>RLIMIT_NOFILE</c>, <c>man 2 getrlimit</c>; <c>ulimit -n</c>), which the runtime has raised as far as it may.</summary>
    /// <exception cref="IOException">The system does not say.</exception>
    public static long Limit
    {
        get
        {
            Libc.RLimit limits;
            return Libc.getrlimit(Libc.RLIMIT_NOFILE, &limits) == 0
                ? (long)Math.Min(limits.Soft, int.MaxValue)
                : throw Libc.LastException("The limit of open files could not be read");
        }
    }
}
