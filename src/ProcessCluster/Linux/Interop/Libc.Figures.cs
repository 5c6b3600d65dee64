using System.Runtime.InteropServices;

namespace ProcessCluster.Linux.Interop;

/// <summary>Calls about connections and this process, and some errors.</summary>
internal static unsafe partial class Libc
{
    public const int ENOENT = 2, EBADF = 9, EACCES = 13;
    public const int SIGXFSZ = 25;
    public const int TCP_INFO = 11;
    public const nuint SIOCOUTQ = 0x5411;
    public const int RLIMIT_NOFILE = 7;

    /// <summary>The offset of <c>tcpi_bytes_acked</c> in <c>struct tcp_info</c>.</summary>
    public const int TcpInfoBytesAcked = 120;

    [StructLayout(LayoutKind.Sequential)]
    public struct RLimit
    {
        public ulong Soft;
        public ulong Hard;
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getrlimit(int resource, RLimit* limits);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(int descriptor, int level, int name, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int descriptor, int level, int name, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int descriptor, nuint request, int* value);
}
