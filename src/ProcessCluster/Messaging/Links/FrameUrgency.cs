namespace ProcessCluster.Messaging.Links;

/// <summary>The urgency of a frame in an <see cref="Outbox"/>.</summary>
internal enum FrameUrgency
{
    /// <summary>A message: takes room, which the peer gives back when it has handled it; may go out together with those that follow at once.</summary>
    Message,

    /// <summary>An answer and the like: takes no room, as somebody waits for it, and their number is bounded elsewhere.</summary>
    Answer,

    /// <summary>A control message: is on its way when the call returns, unless the pipe is full.</summary>
    Control,
}
