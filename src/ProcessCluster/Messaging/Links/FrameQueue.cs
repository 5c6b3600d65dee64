using System.Buffers;

namespace ProcessCluster.Messaging.Links;

/// <summary>
/// Whole frames, one after another, in rented buffers: small ones share a buffer, large ones have one of their own. Not thread-safe;
/// bounded by who fills it. Adding and taking allocate nothing in steady state.
/// </summary>
internal sealed class FrameQueue
{
    private const int BufferSize = 64 * 1024;

    private readonly Queue<FrameBytes> _full = new();
    private byte[]? _open;
    private int _used;
    private int _room;

    /// <summary>Gets the number of bytes that are in it.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adds a frame: a copy of its bytes, or, if they are given as rented ones, these.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="rented">The same bytes if they are rented; taken over.</param>
    /// <param name="room">The room that it takes at the receiver, in bytes.</param>
    public void Add(ReadOnlySpan<byte> frame, FrameBytes rented = default, int room = 0)
    {
        if (rented.Array is not null || frame.Length >= FrameBytes.Large)
        {
            Close();
            _full.Enqueue((rented.Array is not null ? rented : FrameBytes.Copy(frame)) with { Room = room });
            Bytes += frame.Length;
            return;
        }
        if (_open is null || frame.Length > _open.Length - _used)
        {
            Close();
            _open = ArrayPool<byte>.Shared.Rent(BufferSize);
        }
        frame.CopyTo(_open.AsSpan(_used));
        _used += frame.Length;
        _room += room;
        Bytes += frame.Length;
    }

    public bool TryTake(out FrameBytes buffer)
    {
        if (!_full.TryDequeue(out buffer))
        {
            if (_open is null)
                return false;
            buffer = new FrameBytes(_open, _used, _room);
            _open = null;
            _used = 0;
            _room = 0;
        }
        Bytes -= buffer.Length;
        return true;
    }

    public void Clear()
    {
        while (TryTake(out var buffer))
            buffer.Return();
    }

    private void Close()
    {
        if (_open is null)
            return;
        _full.Enqueue(new FrameBytes(_open, _used, _room));
        _open = null;
        _used = 0;
        _room = 0;
    }
}
