using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using ProcessCluster.Connections;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster;

/// <summary>
/// Accepts connections on an end point: in a worker those that the primary hands to it, outside a cluster its own. Thread-safe;
/// several accepts may wait at once.
/// </summary>
public abstract class ClusterListener : IAsyncDisposable
{
    private protected ClusterListener(EndPoint endPoint) => EndPoint = endPoint;

    /// <summary>The end point as it is bound: where port 0 was asked for, this is the real port, the same in every worker.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>
    /// In a worker: called when it has more connections than the others (<see cref="ClusterOptions.RebalanceConnections"/>), with how many of this listener's the primary
    /// would like to have back for them. The program then calls <see cref="ClusterConnection.TryMove"/> on as many that it has nothing to do with, or on fewer. Called on the
    /// thread pool, at most every 0.3 s, with 1 to 128; never where a policy chooses the worker, where the end point is <see cref="ClusterListenOptions.Exclusive"/>,
    /// or once the worker leaves. It should be quick, and must not throw. Default null: nothing is given back. May be set on any thread, at any time.
    /// </summary>
    public Action<int>? GiveBack { get; set; }

    /// <summary>
    /// Takes the next connection as a .NET socket, which the caller owns. Completes with null when the listener has ended: it was
    /// closed, or the worker shall leave. In a worker, disposing it ends the connection for every process that has a copy: the peer sees the end at once.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; no connection is lost by it.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<Socket?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        var taken = await TakeAsync(cancellationToken).ConfigureAwait(false);
        if (taken.Socket is null)
            return null;
        if (taken.Number is { } number)
            Connections?.Report(number, ClusterConnectionState.Unknown); // What is done with it nobody will say.
        var handle = StreamSocket.ToSocketHandle(taken.Socket);
        return Connections is { } count ? new TrackedSocket(handle, count, taken.IsMoved, taken.Number) : new Socket(handle);
    }

    /// <summary>
    /// Takes the next connection in the form that transports are built on; cheaper than a socket. Completes with null when the
    /// listener has ended.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; no connection is lost by it.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ClusterConnection?> AcceptConnectionAsync(CancellationToken cancellationToken = default)
    {
        var taken = await TakeAsync(cancellationToken).ConfigureAwait(false);
        return taken.Socket is null ? null : new ClusterConnection(taken.Socket, SocketLoop.Instance, this, taken.Peer, taken.IsMoved, taken.Number);
    }

    /// <summary>Gets the reporter of its connections; null outside a cluster.</summary>
    internal virtual WorkerConnectionReporter? Connections => null;

    /// <summary>Gets whether its connections can be given back for other workers.</summary>
    internal virtual bool CanReturn => false;

    /// <summary>Gives one back; false when that cannot be now. The descriptor stays open.</summary>
    internal virtual bool TryReturn(Descriptor socket, uint? number, in PeerAddress peer) => false;

    /// <summary>Ends the listener: waiting accepts complete with null, and connections that were on their way to it go to other workers.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>The next connection, or null at the end.</summary>
    private protected abstract ValueTask<Taken> TakeAsync(CancellationToken cancellationToken);

    /// <summary>A connection, or none at the end.</summary>
    /// <param name="Socket">Null at the end.</param>
    /// <param name="Peer">The client's address.</param>
    /// <param name="IsMoved">True when another worker has served it.</param>
    /// <param name="Number">Under which the primary keeps a copy; null when it keeps none.</param>
    private protected readonly record struct Taken(Descriptor? Socket, PeerAddress Peer, bool IsMoved, uint? Number = null);
}
