using ProcessCluster.Diagnostics;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging.Links;

/// <summary>
/// The frames that wait to be written to a peer, the room that messages take there, and the senders that wait for room. Not thread-safe, but for
/// <see cref="Sent"/>: it belongs to an <see cref="Outbox"/>.
/// </summary>
internal sealed class OutgoingFrames
{
    private readonly FrameQueue _frames = new();
    private readonly SendRoom _room = new();
    private long _unwritten;
    private long _sentMessages;
    private long _sentBytes;

    /// <summary>Gets the program's traffic so far, without what waits for room.</summary>
    public LinkFigures Sent => new(Volatile.Read(ref _sentMessages), Volatile.Read(ref _sentBytes));

    /// <summary>Gets the number of bytes that wait.</summary>
    public long Bytes => _frames.Bytes;

    /// <summary>Gets whether the next message has to wait for room.</summary>
    public bool IsRoomExhausted => _room.IsExhausted;

    /// <summary>Adds a frame that takes no room.</summary>
    public void Add(ReadOnlySpan<byte> frame) => Add(frame, default, room: 0);

    /// <summary>Adds a message, which takes room.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="rented">The same bytes if they are rented; taken over. Else the frame is copied.</param>
    public void AddMessage(ReadOnlySpan<byte> frame, FrameBytes rented)
    {
        AddUnwritten(frame, rented);
        _room.Take(frame.Length);
    }

    /// <inheritdoc cref="SendRoom.Wait"/>
    public SendWaiter Wait(ReadOnlySpan<byte> frame, FrameBytes rented, int maxWaiting) => _room.Wait(frame, rented, maxWaiting);

    /// <summary>Notes that the peer has handled so many bytes of messages. Returns false when it cannot have: so many were not written to it.</summary>
    /// <param name="bytes">The number of bytes.</param>
    /// <param name="hasMore">True when messages that waited for the room may have been added.</param>
    public bool TryGiveRoom(long bytes, out bool hasMore)
    {
        hasMore = false;
        if (bytes > _room.Taken - _unwritten)
            return false;
        hasMore = _room.Give(bytes);
        while (hasMore && _room.TryTakeNext(out var frame))
            AddUnwritten(frame.Span, frame);
        return true;
    }

    /// <summary>Takes the next bytes to write.</summary>
    public bool TryTake(out FrameBytes frames)
    {
        var isTaken = _frames.TryTake(out frames);
        _unwritten -= frames.Room;
        return isTaken;
    }

    /// <summary>Takes out the senders that wait for room.</summary>
    public SendWaiter[] TakeWaiters() => _room.TakeAll();

    public void Clear() => _frames.Clear();

    private void AddUnwritten(ReadOnlySpan<byte> frame, FrameBytes rented)
    {
        _unwritten += frame.Length;
        Add(frame, rented, room: frame.Length);
    }

    private void Add(ReadOnlySpan<byte> frame, FrameBytes rented, int room)
    {
        _frames.Add(frame, rented, room);
        if (!FrameHeader.IsProgram(frame))
            return;
        _sentMessages++;
        _sentBytes += frame.Length;
    }
}
