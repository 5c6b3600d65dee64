using System.Net;

namespace ProcessCluster.Primary.Listening;

/// <summary>What holds for an end point: its own options, where it has any, else the cluster's.</summary>
internal sealed record PortRules(
    Seats Seats, IDispatchPolicy? Policy, int MaxWaiting, TimeSpan MaxWait, WhenFull WhenFull, TimeSpan MaxPeekTime, bool HasProxyHeader, ListenMode Mode)
{
    public static PortRules For(ClusterOptions options, EndPoint endPoint)
    {
        var own = options.EndPoints.FirstOrDefault(o => o.IsFor(endPoint)) ?? new EndPointOptions();
        var policy = own.CustomDispatch?.Invoke()
            ?? (own.Dispatch is null ? options.CustomDispatch?.Invoke() : null)
            ?? BuiltInPolicies.Create(own.Dispatch ?? options.Dispatch, own.StickyName ?? options.StickyName);
        var maxConnections = own.MaxConnectionsPerWorker ?? options.MaxConnectionsPerWorker;
        return new PortRules(
            policy is null ? new RoundRobinSeats(maxConnections) : new PolicySeats(policy, options.Weights, maxConnections),
            policy,
            own.MaxWaitingConnections ?? options.MaxWaitingConnections,
            own.MaxWait ?? options.MaxWait,
            own.WhenFull ?? options.WhenFull,
            own.MaxPeekTime ?? options.MaxPeekTime,
            own.ProxyProtocol ?? options.ProxyProtocol,
            own.Mode ?? options.Mode);
    }
}
