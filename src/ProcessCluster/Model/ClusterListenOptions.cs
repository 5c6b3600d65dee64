namespace ProcessCluster;

/// <summary>How to listen on an end point. Where several workers share it, those of the first one to ask hold.</summary>
public sealed class ClusterListenOptions
{
    /// <summary>How many connections the kernel may hold that are not accepted yet. Default 512, as in Kestrel. At most <c>net.core.somaxconn</c>.</summary>
    public int Backlog { get; set; } = 512;

    /// <summary>Whether small writes are sent at once (<c>TCP_NODELAY</c>). Default true.</summary>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// Whether <c>::</c> takes IPv4 connections too (the opposite of <c>IPV6_V6ONLY</c>). Default true. Other addresses are not affected.
    /// </summary>
    public bool DualMode { get; set; } = true;

    /// <summary>
    /// In a worker: whether its program wants another connection now, asked before each; where it says no, the connection goes to another worker, and this one is
    /// asked again when it has closed a connection, or a tenth of a second later. Of a worker's own: others may have their own. It must be quick and must not block; what it throws comes
    /// out of accepting, and the connection goes to another worker. Default null: always.
    /// </summary>
    public Func<bool>? CanAccept { get; set; }
}
