using System.Runtime.InteropServices;
using Xunit;

namespace ProcessCluster.Testing;

/// <summary>How long a file of a process may be (<c>RLIMIT_FSIZE</c>, <c>man 2 prlimit</c>).</summary>
internal readonly partial record struct FileSizeLimit(ulong Soft, ulong Hard)
{
    private const int Resource = 1;

    public static unsafe FileSizeLimit Of(int process)
    {
        FileSizeLimit now = default;
        Assert.Equal(0, prlimit(process, Resource, null, &now));
        return now;
    }

    public static unsafe void Set(int process, FileSizeLimit limit) => Assert.Equal(0, prlimit(process, Resource, &limit, null));

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int prlimit(int process, int resource, FileSizeLimit* wanted, FileSizeLimit* now);
}
