namespace ProcessCluster.Platform;

/// <summary>How many files this process may have open.</summary>
internal static unsafe class OpenFiles
{
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
