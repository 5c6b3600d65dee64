namespace ProcessCluster;

/// <summary>The state of a connection. It decides what becomes of the connection when its worker ends suddenly (<see cref="ClusterConnection.Report"/>).</summary>
public enum ClusterConnectionState
{
    /// <summary>Nobody but its process can say: it ends with its worker.</summary>
    Unknown,

    /// <summary>Another worker can serve it as well: nothing is half done, everything that was received is dealt with, everything to be sent is with the kernel.</summary>
    Idle,

    /// <summary>Something was received of which no answer has begun: it gets <see cref="ClusterListenOptions.CrashAnswer"/>, then it ends.</summary>
    Busy,

    /// <summary>A part of an answer was sent, or may have been: it ends with its worker.</summary>
    Responding,

    /// <summary>
    /// As <see cref="Busy"/>, but every byte of the request is still with the kernel (<see cref="ClusterConnection.TryPeek"/>), nothing of an answer was sent, and nothing was done for it or
    /// doing it once more does no harm: another worker serves it, as if it had just come. That happens once for a request; if the other one ends over it too, it is
    /// <see cref="Busy"/>.
    /// </summary>
    Repeatable,
}
