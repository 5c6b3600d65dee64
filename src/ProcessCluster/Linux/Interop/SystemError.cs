namespace ProcessCluster.Linux.Interop;

/// <summary>Errors of system calls that others than this folder's types tell apart (<c>man 3 errno</c>).</summary>
internal static class SystemError
{
    /// <summary>Nobody reads what is written (<c>EPIPE</c>).</summary>
    public const int BrokenPipe = Libc.EPIPE;

    /// <summary>The descriptor is not open (<c>EBADF</c>).</summary>
    public const int BadDescriptor = Libc.EBADF;
}
