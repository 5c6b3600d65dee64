namespace ProcessCluster;

/// <summary>
/// A feature of each connection in a worker (<c>ConnectionContext.Features</c>, <c>HttpContext.Features</c>): whether another worker may serve it on when
/// this one leaves or has more connections than others. There the connection is a new one: its id, its features and its <c>Items</c> begin afresh. Absent where
/// <see cref="ClusterOptions.MoveConnections"/> is false.
/// </summary>
public interface IConnectionMoveFeature
{
    /// <summary>
    /// Default true. Connection middleware that keeps a state of its own for the connection sets it to false: then the connection drains, as one of TLS, HTTP/2 or a
    /// WebSocket does. May be read and set on any thread, at any time.
    /// </summary>
    bool CanMove { get; set; }
}
