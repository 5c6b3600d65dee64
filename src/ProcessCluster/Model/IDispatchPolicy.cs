namespace ProcessCluster;

/// <summary>
/// Chooses the worker for each new connection of an end point (<see cref="EndPointOptions.CustomDispatch"/>). It runs in the primary, on the thread that
/// accepts: it must be quick, must not block and must not throw; what it throws is logged, and the connection is closed. Calls come one at a time.
/// </summary>
public interface IDispatchPolicy
{
    /// <summary>
    /// Gets the number of the client's first bytes that the policy reads, at most 16,384. Default 0: none, and connections are given away as soon as they
    /// are accepted. Otherwise they wait for the client to send, for <see cref="EndPointOptions.MaxPeekTime"/> at most. Nothing is consumed.
    /// </summary>
    int MaxPeekBytes => 0;

    /// <summary>Returns whether the policy can choose by the bytes received so far. Called each time that more have come.</summary>
    /// <param name="sent">The first bytes, at most <see cref="MaxPeekBytes"/>; never empty.</param>
    bool HasSeenEnough(ReadOnlySpan<byte> sent) => true;

    /// <summary>
    /// Chooses: an index into <paramref name="workers"/>, or -1 to have the connection wait until one of them is free. The chosen worker
    /// may be one that is not free: then the connection waits for it.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="workers">All workers that get connections of this end point, in the order in which they came; at least one.</param>
    int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers);
}

/// <summary>A connection that a worker is chosen for.</summary>
public readonly ref struct DispatchConnection
{
    internal DispatchConnection(ReadOnlySpan<byte> clientAddress, int clientPort, ReadOnlySpan<byte> sent)
    {
        ClientAddress = clientAddress;
        ClientPort = clientPort;
        Sent = sent;
    }

    /// <summary>
    /// The client's address: 4 bytes, or 16 for IPv6 (an IPv4 address is given as such also where it came over IPv6); empty for a Unix domain
    /// socket. Where the PROXY protocol is on, the address in its header.
    /// </summary>
    public ReadOnlySpan<byte> ClientAddress { get; }

    /// <summary>The client's port; 0 for a Unix domain socket.</summary>
    public int ClientPort { get; }

    /// <summary>Gets the client's first bytes (<see cref="IDispatchPolicy.MaxPeekBytes"/>), without the PROXY protocol's header; may be empty.</summary>
    public ReadOnlySpan<byte> Sent { get; }
}

/// <summary>A worker that may be chosen for a connection.</summary>
/// <param name="Worker">Its number (<see cref="ClusterWorker.Id"/>).</param>
/// <param name="Slot">Its slot's number: a worker that replaces another one has the same.</param>
/// <param name="Generation">The version that it runs: during a reload two workers have the same slot, and the newer one the higher generation.</param>
/// <param name="Weight">The weight of its slot in <see cref="ClusterOptions.Weights"/>; 1 where there is none.</param>
/// <param name="OpenConnections">Its connections, of all end points, and those on their way to it.</param>
/// <param name="Busy">The requests that it is serving, the connections that have not begun their first one, and those on their way to it.</param>
/// <param name="IsFree">
/// Whether it can be given the connection now. It cannot when it has not answered eight offers, or one for too long, or has as many connections as
/// it may have.
/// </param>
public readonly record struct DispatchCandidate(
    int Worker, int Slot, int Generation, int Weight, int OpenConnections, int Busy, bool IsFree);
