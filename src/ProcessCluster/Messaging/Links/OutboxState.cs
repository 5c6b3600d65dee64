namespace ProcessCluster.Messaging.Links;

/// <summary>The state of an <see cref="Outbox"/>.</summary>
internal enum OutboxState
{
    /// <summary>Nobody writes and nothing is left.</summary>
    Idle,

    /// <summary>The peer is not ready to be written to.</summary>
    Held,

    /// <summary>A work item of the pool will write.</summary>
    Scheduled,

    /// <summary>Somebody is writing.</summary>
    Writing,

    /// <summary>The pipe is full; the loop will tell.</summary>
    Blocked,

    /// <summary>Closed, or the peer is gone.</summary>
    Ended,
}
