using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>The room that this process has for the peer's messages. The peer gets it back as they are handled. Thread-safe.</summary>
internal sealed class ReceiveWindow(MessageSender sender)
{
    private long _arrived;
    private long _handled;

    /// <summary>A frame has come. Messages and requests count until they are handled, here or where they are passed on.</summary>
    /// <exception cref="InvalidDataException">The peer sends more than it was given room for.</exception>
    public void Arrived(in FrameHeader header)
    {
        if (header.Kind is not (FrameKind.Message or FrameKind.Request))
            return;
        // The last one begins in the window and may end beyond it.
        if (Interlocked.Add(ref _arrived, header.Length) - header.Length is var before && before >= Outbox.Window)
            throw new InvalidDataException($"it sent another message when {before} bytes of messages were not handled; {Outbox.Window} can be.");
    }

    /// <summary>So many bytes of messages were handled: the peer may send as many more.</summary>
    public void Handled(int bytes)
    {
        Interlocked.Add(ref _arrived, -bytes);
        if (Interlocked.Add(ref _handled, bytes) < Outbox.CreditStep)
            return;
        var handled = Interlocked.Exchange(ref _handled, 0);
        if (handled > 0 && !sender.Send(FrameKind.Credit, FrameCode.None, [], sender.Self, sender.Peer, (uint)Math.Min(handled, uint.MaxValue), []))
            Interlocked.Add(ref _handled, handled); // With the next ones.
    }
}
