using System.Buffers;

namespace ProcessCluster.Ipc;

/// <summary>Rented bytes with a copy of a frame or a part of one. Whoever has it gives it back, once.</summary>
internal readonly record struct FrameBytes(byte[]? Array, int Length)
{
    public ReadOnlyMemory<byte> Memory => new(Array, 0, Length);

    public static FrameBytes Copy(ReadOnlySpan<byte> bytes)
    {
        var array = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(array);
        return new FrameBytes(array, bytes.Length);
    }

    public void Return()
    {
        if (Array is not null)
            ArrayPool<byte>.Shared.Return(Array);
    }
}
