namespace ProcessCluster;

/// <summary>The state of a worker. A worker only ever moves forward through these.</summary>
public enum WorkerState
{
    /// <summary>The process exists, its link to the primary is not up yet. Ends when the worker says hello.</summary>
    Starting,

    /// <summary>The link is up. Ends when the worker listens, disconnects or exits.</summary>
    Online,

    /// <summary>The worker listens on at least one end point and is given connections. Ends when it is asked to leave or exits.</summary>
    Listening,

    /// <summary>
    /// The worker is leaving: it gets no new connections and finishes what it is doing. Ends when its link closes, at the
    /// latest at <see cref="ClusterOptions.DrainTimeout"/>.
    /// </summary>
    Draining,

    /// <summary>The link is closed, the process still exists. Ends when it exits, at the latest at the drain deadline.</summary>
    Disconnected,

    /// <summary>The process is gone. Nothing follows.</summary>
    Dead,
}
