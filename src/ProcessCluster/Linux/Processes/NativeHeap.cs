using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>The heaps of the C library, of which the runtime's compiler needs megabytes for a moment (<c>man 3 malloc_trim</c>).</summary>
internal static class NativeHeap
{
    private static volatile bool _trimsItself;

    /// <summary>Gives what is free in them back to the system. The C library itself gives back only what lies at the end of one.</summary>
    public static void Trim()
    {
        if (_trimsItself)
            return;
        try
        {
            _ = Libc.malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            _trimsItself = true; // Not every C library has it; musl has not.
        }
    }
}
