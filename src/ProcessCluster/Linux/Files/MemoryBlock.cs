namespace ProcessCluster.Linux.Files;

/// <summary>A block of memory at a fixed address.</summary>
internal abstract unsafe class MemoryBlock
{
    protected MemoryBlock(byte* start, nuint size)
    {
        Start = start;
        Size = size;
    }

    /// <summary>Gets the first byte; null when the memory was given back.</summary>
    public byte* Start { get; protected set; }

    public nuint Size { get; }
}
