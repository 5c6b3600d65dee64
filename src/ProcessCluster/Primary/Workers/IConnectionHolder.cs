using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Workers;

/// <summary>A worker as the failover of its connections sees it.</summary>
internal interface IConnectionHolder
{
    int Id { get; }

    /// <summary>Gets the options that held when it was forked.</summary>
    ClusterOptions Options { get; }

    /// <summary>Gets whether it gets connections.</summary>
    bool IsAdmitted { get; }

    /// <summary>Gets whether its end was a crash.</summary>
    bool HasCrashed { get; }

    /// <summary>Gets the memory that it shares with the primary.</summary>
    PrimaryBoard Board { get; }
}
