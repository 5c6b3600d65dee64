using System.Runtime.InteropServices;
using ProcessCluster.Linux.Files;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Memory of this process in the place of the pages that a worker shares with the primary.</summary>
internal sealed unsafe class OrdinaryMemory : MemoryBlock
{
    private readonly byte[] _bytes;

    public OrdinaryMemory(int size)
        : this(GC.AllocateArray<byte>(size, pinned: true))
    {
    }

    private OrdinaryMemory(byte[] pinned)
        : base((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0), (nuint)pinned.Length) => _bytes = pinned;

    public Span<byte> Bytes => _bytes;
}
