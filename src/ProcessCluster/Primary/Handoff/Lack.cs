namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// A lack of descriptors or memory. A process at its limit has one free now and then, with each connection that ends: the lack is over after a
/// second without it. Not thread-safe.
/// </summary>
internal sealed class Lack(TimeProvider time)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    private long? _last;

    /// <summary>Notes that something lacked. Returns whether a lack begins.</summary>
    public bool Begins()
    {
        var now = time.GetTimestamp();
        var begins = _last is not { } last || time.GetElapsedTime(last, now) >= Quiet;
        _last = now;
        return begins;
    }
}
