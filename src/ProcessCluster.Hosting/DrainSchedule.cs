namespace ProcessCluster.Hosting;

/// <summary>The times of a worker that leaves, all within <see cref="ClusterOptions.DrainTimeout"/>.</summary>
/// <param name="Idle">The time for which a connection must have been idle before it is closed: in this time every client that is busy asks again, and is told.</param>
/// <param name="Spread">Over how much longer the closing is spread, so that not all clients come back in one instant.</param>
/// <param name="Host">The time by which the host must have stopped: before the primary kills at <see cref="ClusterOptions.DrainTimeout"/>.</param>
internal readonly record struct DrainSchedule(TimeSpan Idle, TimeSpan Spread, TimeSpan Host)
{
    private static readonly TimeSpan LongestIdle = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(2);

    /// <summary>Gets the time that an HTTP/2 client has for closing its connection itself, after the last GOAWAY.</summary>
    public TimeSpan Linger => Idle / 2;

    /// <summary>When all connections that were idle at the beginning are closed, and the application is stopped.</summary>
    public TimeSpan Window => Idle + Spread;

    public static DrainSchedule Within(TimeSpan drainTimeout)
    {
        var idle = Min(LongestIdle, drainTimeout / 6);
        return new DrainSchedule(idle, idle / 2, drainTimeout - Min(LongestMargin, drainTimeout / 10));
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
