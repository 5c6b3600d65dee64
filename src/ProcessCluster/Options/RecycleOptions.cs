namespace ProcessCluster;

/// <summary>
/// When workers are replaced though nothing is wrong with them: against leaks and fragmentation. In a host read from the section
/// <c>ProcessCluster:Recycle</c>. A new worker is ready before the old one drains, one at a time in the whole cluster. Default: never.
/// </summary>
public sealed record RecycleOptions
{
    /// <summary>Resident memory in bytes, sampled every second, above which a worker is replaced. Default 0: no limit. At least 16 MiB.</summary>
    public long MaxMemory { get; set; }

    /// <summary>
    /// Gets or sets the number of requests after which a worker is replaced, with the next sample (<see cref="ClusterOptions.HeartbeatInterval"/>); what
    /// counts as one: <see cref="ClusterWorker.TrackRequest"/>. Default 0: no limit.
    /// </summary>
    public long MaxRequests { get; set; }

    /// <summary>Gets or sets the time after which a worker is replaced. Default zero: no limit.</summary>
    public TimeSpan MaxAge { get; set; }

    /// <summary>
    /// By how much the limits of requests and age are raised for each worker, at random, as a share from 0 to 1, so that workers that
    /// started together are not all due together. Default 0.1: up to 10 % more.
    /// </summary>
    public double Jitter { get; set; } = 0.1;

    /// <summary>Times of the day (local) at which all workers are replaced, one after another. Default: none.</summary>
    public IList<TimeOnly> Schedule { get; set; } = [];

    internal bool IsOn => MaxMemory > 0 || MaxRequests > 0 || MaxAge > TimeSpan.Zero || Schedule.Count > 0;

    /// <summary>Returns a copy with a schedule of its own.</summary>
    internal RecycleOptions Copy() => this with { Schedule = [.. Schedule] };
}
