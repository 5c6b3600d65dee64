namespace ProcessCluster.Messaging.Links;

/// <summary>
/// The room for messages that the peer has not handled, and the senders that wait for some, in order. Not thread-safe: it belongs to an
/// <see cref="Outbox"/>.
/// </summary>
internal sealed class SendRoom
{
    private readonly Queue<SendWaiter> _waiters = new();
    private long _left = Outbox.Window;

    /// <summary>Gets whether the next message has to wait.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>The number of bytes that the peer has not handled.</summary>
    public long Taken => Outbox.Window - _left;

    /// <summary>A message goes out. The last one may begin in the window and end beyond it.</summary>
    public void Take(int bytes)
    {
        _left -= bytes;
        IsExhausted = _left <= 0;
    }

    /// <summary>Bytes were handled: true when those who wait may go on.</summary>
    public bool Give(long bytes)
    {
        _left += bytes;
        // Some of it at once rather than a little each time: each wait costs its sender a switch.
        if (!IsExhausted || _left < Outbox.Window / 8)
            return false;
        IsExhausted = false;
        return true;
    }

    /// <summary>Takes the next message that waits, and room for it, if there is one and room is left.</summary>
    public bool TryTakeNext(out FrameBytes frame)
    {
        while (!IsExhausted && _waiters.TryDequeue(out var waiter))
        {
            if (!waiter.TrySend(out frame))
                continue;
            Take(frame.Length);
            return true;
        }
        frame = default;
        return false;
    }

    /// <summary>Puts a message in line.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="rented">The same bytes if they are rented; taken over.</param>
    /// <param name="maxWaiting">The number of messages that may wait already.</param>
    /// <exception cref="ClusterException">Too many wait already.</exception>
    public SendWaiter Wait(ReadOnlySpan<byte> frame, FrameBytes rented, int maxWaiting)
    {
        while (_waiters.TryPeek(out var first) && first.IsOver)
            _waiters.Dequeue();
        if (_waiters.Count >= maxWaiting)
        {
            rented.Return();
            throw new ClusterException(
                $"{maxWaiting} messages wait already for room on their way to the other process, which handles them more slowly than they are sent. "
                + "Await SendAsync before you send more.");
        }
        var waiter = new SendWaiter(rented.Array is not null ? rented : FrameBytes.Copy(frame));
        _waiters.Enqueue(waiter);
        return waiter;
    }

    /// <summary>Takes out all who wait.</summary>
    public SendWaiter[] TakeAll()
    {
        SendWaiter[] all = [.. _waiters];
        _waiters.Clear();
        return all;
    }
}
