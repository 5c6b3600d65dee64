using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// Ends a worker with its primary. From hello on the worker watches its pipe itself, but before that it is a runtime
/// loading assemblies. The kernel watches for it: the worker's end of the pipe is set to signal its owner (<c>O_ASYNC</c>,
/// <c>F_SETOWN</c>, <c>F_SETSIG</c>; <c>man 2 fcntl</c>) with SIGKILL when something happens on it. The primary writes nothing
/// before hello, so that the only thing that can happen is the end of the primary. The setting belongs to the open file,
/// which is why the primary can make it and the worker can end it.
/// <para>
/// The worker may be ready before the primary runs again after starting it. So the signal is armed before there is a worker, and only its
/// owner is set afterwards: whatever a worker has ended by then stays ended, and a signal without an owner goes to nobody. A primary that
/// is killed just between the two leaves a worker that ends when it first uses the cluster (<see cref="WorkerMarker.Take"/>).
/// </para>
/// <para>
/// A stopped worker (SIGSTOP, a debugger that went away) sees no pipe. So that it does, the kernel continues it when its parent is gone:
/// <c>PR_SET_PDEATHSIG</c> with SIGCONT (<c>man 2 prctl</c>), which does nothing to one that runs. The setting cannot be made from outside,
/// and belongs to the thread that makes it; the signal comes when the parent's thread that forked ends, and again with each one that
/// takes its place, the last of which is the primary's end. POSIX has orphaned process groups continued too, but a group is no
/// orphan where it falls to a process of its own session, as it does in a container.
/// </para>
/// </summary>
internal static class ParentDeath
{
    /// <summary>In the primary, before the worker is started.</summary>
    public static void Arm(int childEnd)
    {
        if (Libc.fcntl(childEnd, Libc.F_SETSIG, (int)Signal.SIGKILL) < 0
            || Libc.fcntl(childEnd, Libc.F_SETFL, Libc.fcntl(childEnd, Libc.F_GETFL, 0) | Libc.O_ASYNC) < 0)
        {
            throw Libc.LastException("The pipe to the new process could not be armed");
        }
    }

    /// <summary>In the primary, as soon as there is a worker. It changes nothing where that has taken over already.</summary>
    public static void KillWhenParentEnds(int childEnd, int processId)
    {
        // Negative: the whole group, so that nothing that it has started stays either.
        if (Libc.fcntl(childEnd, Libc.F_SETOWN, -processId) < 0)
            throw Libc.LastException("The pipe to the new process could not be tied to its life");
    }

    /// <summary>In the worker, before it says hello, on a thread that lives as long as it: from here on it sees the end of the pipe itself.</summary>
    public static void TakeOver(int descriptor)
    {
        if (Libc.prctl(Libc.PR_SET_PDEATHSIG, (nint)Signal.SIGCONT, 0, 0, 0) < 0)
            throw Libc.LastException("The worker could not be tied to the primary's life");
        if (Libc.fcntl(descriptor, Libc.F_SETFL, Libc.fcntl(descriptor, Libc.F_GETFL, 0) & ~Libc.O_ASYNC) < 0)
            throw Libc.LastException("The pipe from the primary could not be taken over");
    }
}
