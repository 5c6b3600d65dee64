namespace ProcessCluster;

/// <summary>Which workers go first when there are too many.</summary>
public enum ScaleDownOrder
{
    /// <summary>Those that were started last: the oldest have the warmest caches.</summary>
    Youngest,

    /// <summary>Those that were started first: the youngest have leaked least.</summary>
    Oldest,
}
