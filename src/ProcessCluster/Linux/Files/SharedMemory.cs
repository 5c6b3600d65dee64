using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Files;

/// <summary>
/// Memory that two processes share: a sealed <c>memfd</c> (<c>man 2 memfd_create</c>). Neither side can shrink it under the other, and a page that nobody has touched takes no memory.
/// </summary>
internal sealed unsafe class SharedMemory : MemoryBlock, IDisposable
{
    private SharedMemory(int descriptor, nuint size)
        : base(MapAll(descriptor, size), size)
    {
    }

    /// <summary>Creates the memory, zeroed, and the descriptor for the other side, which the caller closes.</summary>
    /// <exception cref="IOException">The system has no more memory or descriptors.</exception>
    public static SharedMemory Create(nuint size, out int descriptor)
    {
        descriptor = Libc.memfd_create("processcluster", Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
        if (descriptor < 0
            || Libc.ftruncate(descriptor, (nint)size) < 0
            || Libc.fcntl(descriptor, Libc.F_ADD_SEALS, Libc.F_SEAL_SEAL | Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW) < 0)
        {
            throw Libc.LastException("The memory to share with a worker could not be made");
        }
        return new SharedMemory(descriptor, size);
    }

    /// <summary>Maps what the other side has created, and closes the descriptor.</summary>
    /// <exception cref="IOException">The descriptor is no such memory, or smaller than this.</exception>
    public static SharedMemory Map(int descriptor, nuint leastSize)
    {
        try
        {
            var size = Libc.lseek(descriptor, 0, Libc.SEEK_END);
            if (size < (nint)leastSize)
                throw Libc.LastException("The memory that is shared with the primary is not there");
            return new SharedMemory(descriptor, (nuint)size);
        }
        finally
        {
            Libc.close(descriptor);
        }
    }

    /// <summary>Unmaps it. Nothing may be read or written afterwards.</summary>
    public void Dispose()
    {
        if (Start is null)
            return;
        _ = Libc.munmap(Start, Size);
        Start = null;
    }

    private static byte* MapAll(int descriptor, nuint size)
    {
        var address = Libc.mmap(null, size, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, descriptor, 0);
        return address == Libc.MAP_FAILED
            ? throw Libc.LastException("The memory that is shared with a worker could not be mapped")
            : (byte*)address;
    }
}
