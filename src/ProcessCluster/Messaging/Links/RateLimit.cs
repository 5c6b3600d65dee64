namespace ProcessCluster.Messaging.Links;

/// <summary>
/// A limit on how often a peer may do something: so many times at once, and so many a second (a token bucket). Not thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="burst">The number of times at once.</param>
/// <param name="perSecond">The number of times a second in the long run.</param>
internal sealed class RateLimit(TimeProvider time, int burst, int perSecond)
{
    private double _left = burst;
    private long _at = time.GetTimestamp();

    /// <summary>Counts one more; false when it is one too many.</summary>
    public bool TryTake()
    {
        // The clock is asked only when it matters.
        if (_left < 1)
        {
            var now = time.GetTimestamp();
            _left = Math.Min(burst, _left + (time.GetElapsedTime(_at, now).TotalSeconds * perSecond));
            _at = now;
            if (_left < 1)
                return false;
        }
        _left--;
        return true;
    }
}
