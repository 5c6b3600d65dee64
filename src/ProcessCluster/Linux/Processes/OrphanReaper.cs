using System.Globalization;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// Reaps orphans that the system gives to this process because it is process 1 of a container, or has asked for them (<c>PR_SET_CHILD_SUBREAPER</c>;
/// <c>man 2 prctl</c>): nobody else waits for those, and they would stay as zombies. Children of this process's own are left to whoever
/// started them: workers to the cluster, others to .NET, which reaps its own at once. So only what is still a zombie at a second look is an orphan.
/// </summary>
internal sealed unsafe class OrphanReaper
{
    private HashSet<int> _seen = [];

    /// <summary>Gets whether orphans come to this process.</summary>
    public static bool IsNeeded
    {
        get
        {
            int isSubreaper;
            return Environment.ProcessId == 1 || (Libc.prctl(Libc.PR_GET_CHILD_SUBREAPER, (nint)(&isSubreaper), 0, 0, 0) == 0 && isSubreaper != 0);
        }
    }

    /// <summary>Looks for zombies, and reaps those that were there at the last look.</summary>
    /// <param name="isOwn">True when a child is not to be touched.</param>
    /// <returns>How many were reaped.</returns>
    public int Poll(Predicate<int> isOwn)
    {
        var zombies = Children().Where(child => !isOwn(child) && ProcessStatus.IsZombie(child)).ToHashSet();
        var reaped = 0;
        foreach (var orphan in zombies.Where(_seen.Contains))
        {
            Libc.SigInfo info = default;
            if (Libc.waitid(Libc.P_PID, orphan, &info, Libc.WEXITED | Libc.WNOHANG) == 0 && info.ProcessId == orphan)
                reaped++;
        }
        _seen = zombies;
        return reaped;
    }

    /// <summary>The children of all threads of this process.</summary>
    private static IEnumerable<int> Children()
    {
        foreach (var thread in ProcessStatus.Numbers("/proc/self/task"))
        {
            string text;
            try
            {
                text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{thread}/children"));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                continue; // The thread has ended; its children are another one's now. Or this kernel does not tell.
            }
            foreach (var child in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                yield return int.Parse(child, CultureInfo.InvariantCulture);
        }
    }
}
