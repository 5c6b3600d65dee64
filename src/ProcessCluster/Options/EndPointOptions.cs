using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Options;

namespace ProcessCluster;

/// <summary>The options of one end point. A value that is null is the cluster's.</summary>
public sealed record EndPointOptions
{
    /// <summary>
    /// Gets or sets the end point: a port (<c>5000</c>), an address with its port (<c>127.0.0.1:5000</c>, <c>[::1]:5000</c>), or the absolute path of a Unix domain
    /// socket, or its abstract name after an at sign. As the program asks for it: for port 0, <c>127.0.0.1:0</c>.
    /// </summary>
    public string Address { get; set; } = "";

    /// <inheritdoc cref="ClusterOptions.Mode"/>
    public ListenMode? Mode { get; set; }

    /// <inheritdoc cref="ClusterOptions.Dispatch"/>
    public DispatchPolicy? Dispatch { get; set; }

    /// <inheritdoc cref="ClusterOptions.CustomDispatch"/>
    public Func<IDispatchPolicy>? CustomDispatch { get; set; }

    /// <inheritdoc cref="ClusterOptions.StickyName"/>
    public string? StickyName { get; set; }

    /// <inheritdoc cref="ClusterOptions.MaxConnectionsPerWorker"/>
    public int? MaxConnectionsPerWorker { get; set; }

    /// <inheritdoc cref="ClusterOptions.MaxWaitingConnections"/>
    public int? MaxWaitingConnections { get; set; }

    /// <inheritdoc cref="ClusterOptions.QueueTimeout"/>
    public TimeSpan? QueueTimeout { get; set; }

    /// <inheritdoc cref="ClusterOptions.WhenFull"/>
    public WhenFull? WhenFull { get; set; }

    /// <inheritdoc cref="ClusterOptions.MaxPeekTime"/>
    public TimeSpan? MaxPeekTime { get; set; }

    /// <inheritdoc cref="ClusterOptions.ProxyProtocol"/>
    public bool? ProxyProtocol { get; set; }

    internal bool IsFor(EndPoint endPoint) => endPoint switch
    {
        IPEndPoint ip when int.TryParse(Address, NumberStyles.None, CultureInfo.InvariantCulture, out var port) => ip.Port == port,
        IPEndPoint ip => IPEndPoint.TryParse(Address, out var own) && own.Equals(ip),
        UnixDomainSocketEndPoint => string.Equals(endPoint.ToString(), Address, StringComparison.Ordinal),
        _ => false,
    };

    internal static bool IsAddress(string text) =>
        (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= ushort.MaxValue)
        || text.StartsWith('/')
        || text.StartsWith('@')
        || (IPEndPoint.TryParse(text, out _) && text.Contains(':'));

    internal void Validate(List<string> errors, int number, ListenMode mode)
    {
        var name = $"EndPoints:{number}";
        OptionTable.Check(OptionTable.EndPoint, this, $"{name}:", errors);
        mode = Mode ?? mode;
        if (mode != ListenMode.Handoff && (Dispatch is not null || CustomDispatch is not null || MaxConnectionsPerWorker is not null || ProxyProtocol == true))
            errors.Add($"{name} has the mode {mode}, which leaves the choice of a worker to the kernel: leave out its Dispatch, CustomDispatch, MaxConnectionsPerWorker and ProxyProtocol.");
    }
}

/// <summary>The way in which workers share an end point.</summary>
public enum ListenMode
{
    /// <summary>The primary accepts and gives each connection to a worker.</summary>
    Handoff,

    /// <summary>
    /// Each worker has a copy of the one listening socket and accepts by itself; the kernel wakes one of those that wait. Nobody chooses: with many connections at once the shares are uneven.
    /// Node's <c>SCHED_NONE</c>.
    /// </summary>
    SharedListener,

    /// <summary>
    /// Each worker has a listening socket of its own, and the kernel spreads connections by their addresses (<c>SO_REUSEPORT</c>). TCP only. A stopped or busy worker holds up what the kernel has given it; what a worker
    /// that dies has not accepted is reset, unless <c>net.ipv4.tcp_migrate_req</c> is 1, and while no worker listens connections are refused.
    /// </summary>
    ReusePort,
}

/// <summary>The choice of the worker for a connection. Only workers that can take one are chosen, unless it says otherwise.</summary>
public enum DispatchPolicy
{
    /// <summary>In turn; those that have left the fewest offers unanswered first. The cost does not depend on the number of workers.</summary>
    RoundRobin,

    /// <summary>The one with the fewest open connections, in turn among equals. Costs a look at each worker, as all that follow.</summary>
    LeastConnections,

    /// <summary>
    /// The one with the fewest requests under way and connections that have not begun their first; among equals the one with the fewest open
    /// connections. Kept connections that say nothing do not count.
    /// </summary>
    LeastBusy,

    /// <summary>
    /// The same for all connections of a client's address, of IPv6 its first 64 bits: while a worker cannot take one, it waits for that worker. When workers come or go, only
    /// the clients of these move (rendezvous hashing over the slots). A worker that does not answer at all counts as gone.
    /// </summary>
    ClientAddress,

    /// <summary>In turn, in the proportion of <see cref="ClusterOptions.Weights"/>.</summary>
    Weighted,

    /// <summary>Of two at random the one with fewer open connections.</summary>
    Random,

    /// <summary>
    /// By the value of the cookie <see cref="ClusterOptions.StickyName"/> in the first request of HTTP/1.1 without TLS, as <see cref="ClientAddress"/> by the address; in turn where
    /// it is not there. A value that begins with <c>slot-</c> and a slot's number means that slot.
    /// </summary>
    Cookie,

    /// <summary>As <see cref="Cookie"/>, by the value of the header <see cref="ClusterOptions.StickyName"/>.</summary>
    Header,

    /// <summary>As <see cref="Cookie"/>, by the server name that a TLS client asks for (SNI).</summary>
    ServerName,
}

/// <summary>The fate of a connection when as many wait for a worker as may.</summary>
public enum WhenFull
{
    /// <summary>It is not accepted: it waits in the kernel's backlog. One that has waited for too long is closed.</summary>
    Pause,

    /// <summary>It is closed, as one that has waited for too long.</summary>
    Close,

    /// <summary>It is reset, as one that has waited for too long.</summary>
    Reset,

    /// <summary>It gets a plain HTTP/1.1 answer, 503 with <c>Retry-After: 1</c>, as one that has waited for too long. For end points without TLS.</summary>
    ServiceUnavailable,
}
