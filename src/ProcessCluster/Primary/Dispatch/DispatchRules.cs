using System.Net;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>The rules of an end point where the primary deals out connections: its own options, where it has any, else the cluster's.</summary>
/// <param name="Candidates">The choice of a worker.</param>
/// <param name="Policy">The policy; null for the round robin.</param>
/// <param name="PeekBytes">The number of a client's first bytes that the policy reads.</param>
/// <param name="MaxWaiting">The number of connections that may wait.</param>
/// <param name="QueueTimeout">For how long.</param>
/// <param name="WhenFull">The fate of the others.</param>
/// <param name="MaxPeekTime">The time for which first bytes are waited for.</param>
/// <param name="HasProxyHeader">True when connections begin with the PROXY protocol's header.</param>
/// <param name="IsEven">True when all workers shall have as many connections, whichever these are: then who gets one that moves need not be chosen.</param>
/// <param name="Rebalances">True when kept connections are evened out.</param>
internal sealed record DispatchRules(
    CandidateSet Candidates,
    IDispatchPolicy? Policy,
    int PeekBytes,
    int MaxWaiting,
    TimeSpan QueueTimeout,
    WhenFull WhenFull,
    TimeSpan MaxPeekTime,
    bool HasProxyHeader,
    bool IsEven,
    bool Rebalances)
{
    public static ListenMode ModeOf(ClusterOptions options, EndPoint endPoint) => Own(options, endPoint).Mode ?? options.Mode;

    /// <summary>To be called once for each end point: it makes the policy.</summary>
    /// <exception cref="ArgumentException">The program's own policy could not be made, or wants to see what it cannot.</exception>
    public static DispatchRules For(ClusterOptions options, EndPoint endPoint, TimeProvider time)
    {
        var own = Own(options, endPoint);
        var custom = own.CustomDispatch ?? (own.Dispatch is null ? options.CustomDispatch : null);
        var name = own.Dispatch ?? options.Dispatch;
        var (policy, peekBytes) = custom is not null
            ? Make(custom, endPoint)
            : BuiltInPolicies.Create(name, own.StickyName ?? options.StickyName) is { } builtIn ? (builtIn, builtIn.MaxPeekBytes) : (null, 0);
        var isEven = custom is null && BuiltInPolicies.IsEven(name); // Else its choice stays.
        var maxConnections = own.MaxConnectionsPerWorker ?? options.MaxConnectionsPerWorker;
        return new DispatchRules(
            policy is null ? new RoundRobinSet(maxConnections, time) : new PolicySet(policy, isEven, peekBytes, options.Weights, maxConnections, time),
            policy,
            peekBytes,
            own.MaxWaitingConnections ?? options.MaxWaitingConnections,
            own.QueueTimeout ?? options.QueueTimeout,
            own.WhenFull ?? options.WhenFull,
            own.MaxPeekTime ?? options.MaxPeekTime,
            own.ProxyProtocol ?? options.ProxyProtocol,
            isEven,
            isEven && options is { MoveConnections: true, RebalanceConnections: true });
    }

    private static EndPointOptions Own(ClusterOptions options, EndPoint endPoint) => options.EndPoints.FirstOrDefault(o => o.IsFor(endPoint)) ?? new EndPointOptions();

    private static (IDispatchPolicy Policy, int PeekBytes) Make(Func<IDispatchPolicy?> make, EndPoint endPoint)
    {
        IDispatchPolicy policy;
        int peekBytes;
        try
        {
            policy = make() ?? throw new InvalidOperationException("It gave null.");
            peekBytes = policy.MaxPeekBytes;
        }
        catch (Exception exception)
        {
            // The program's own: its fault is the error of whoever listens there.
            throw new ArgumentException($"CustomDispatch could not make a policy for {endPoint}. {exception.GetType().Name}: {exception.Message}", exception);
        }
        return peekBytes is >= 0 and <= PendingConnection.MaxPeek
            ? (policy, peekBytes)
            : throw new ArgumentException($"The policy of {endPoint}, {policy}, has MaxPeekBytes of {peekBytes}: from 0 to {PendingConnection.MaxPeek}.");
    }
}
