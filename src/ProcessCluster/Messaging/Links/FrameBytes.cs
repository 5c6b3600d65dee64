using System.Buffers;

namespace ProcessCluster.Messaging.Links;

/// <summary>Rented bytes with a copy of a frame or a part of one. Whoever has it gives it back, once.</summary>
/// <param name="Array">The bytes.</param>
/// <param name="Length">The number of bytes that count.</param>
/// <param name="Room">The number of these bytes that are messages, which take room at the receiver.</param>
internal readonly record struct FrameBytes(byte[]? Array, int Length, int Room = 0)
{
    public ReadOnlySpan<byte> Span => new(Array, 0, Length);

    public ReadOnlyMemory<byte> Memory => new(Array, 0, Length);

    /// <summary>From so many bytes on a frame is handed on rather than copied.</summary>
    public const int Large = 32 * 1024;

    public static FrameBytes Rent(int length) => new(ArrayPool<byte>.Shared.Rent(length), length);

    public static FrameBytes Copy(ReadOnlySpan<byte> bytes)
    {
        var copy = Rent(bytes.Length);
        bytes.CopyTo(copy.Array);
        return copy;
    }

    public void Return()
    {
        if (Array is not null)
            ArrayPool<byte>.Shared.Return(Array);
    }
}
