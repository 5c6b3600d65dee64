namespace ProcessCluster;

/// <summary>The order in which surplus workers leave.</summary>
public enum ScaleDownOrder
{
    /// <summary>Those that were started last: the oldest have the warmest caches.</summary>
    Youngest,

    /// <summary>Those that were started first: the youngest have leaked least.</summary>
    Oldest,
}
