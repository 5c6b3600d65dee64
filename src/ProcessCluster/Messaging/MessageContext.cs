namespace ProcessCluster;

/// <summary>The sender of a message or a request, and a token for requests. Costs nothing; valid while the handler runs.</summary>
public readonly struct MessageContext
{
    private readonly Messaging.RequestCall? _call;

    internal MessageContext(int senderId, Messaging.RequestCall? call) => (SenderId, _call) = (senderId, call);

    /// <summary>The id of the worker that sent it; 0 is the primary.</summary>
    public int SenderId { get; }

    /// <summary>Gets whether the primary sent it.</summary>
    public bool IsFromPrimary => SenderId == 0;

    /// <summary>
    /// Cancelled when the requester gives up or is gone. Of a message it never is: its sender does not wait for it. The first use of it costs an object.
    /// </summary>
    public CancellationToken CancellationToken => _call?.CancellationToken ?? CancellationToken.None;
}
