using System.Runtime.InteropServices;
using Xunit.Sdk;

namespace ProcessCluster.Testing;

/// <summary>How many files a process may have open (<c>man 2 prlimit</c>).</summary>
internal readonly partial record struct FileLimit(ulong Soft, ulong Hard)
{
    private const int RLIMIT_NOFILE = 7;

    public static FileLimit Of(int process) => Change(process, null);

    public static void Set(int process, FileLimit limit) => Change(process, limit);

    /// <summary>Leaves the process without a descriptor for anything new. Gives the limit that it had.</summary>
    public static FileLimit Exhaust(int process)
    {
        var before = Of(process);
        Set(process, before with { Soft = 3 });
        return before;
    }

    private static unsafe FileLimit Change(int process, FileLimit? wanted)
    {
        FileLimit now = default, next = wanted.GetValueOrDefault();
        return prlimit(process, RLIMIT_NOFILE, wanted is null ? null : &next, &now) == 0
            ? now
            : throw new XunitException($"The limit of open files of {process}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int prlimit(int id, int resource, FileLimit* wanted, FileLimit* now);
}
