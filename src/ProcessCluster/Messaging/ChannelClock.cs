namespace ProcessCluster.Messaging;

/// <summary>The clock of a channel's deadlines. It runs only while there are some. Thread-safe.</summary>
/// <param name="time">The clock's time.</param>
/// <param name="tick">Called about every 50 ms with the time. Returns whether there is still a deadline.</param>
internal sealed class ChannelClock(TimeProvider time, Func<long, bool> tick)
{
    /// <summary>The precision of deadlines.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private ITimer? _timer;
    private bool _isAsked;

    /// <summary>Has the clock run, as there is a deadline.</summary>
    public void Start()
    {
        // Always under the gate: the clock may be about to stop.
        lock (_gate)
        {
            _isAsked = true;
            _timer ??= time.CreateTimer(static state => ((ChannelClock)state!).OnTick(), this, Interval, Interval);
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _timer?.Dispose();
            _timer = null;
        }
    }

    /// <summary>Returns the time after a span, as a timestamp.</summary>
    public long Later(TimeSpan span) => time.GetTimestamp() + (long)(span.TotalSeconds * time.TimestampFrequency);

    private void OnTick()
    {
        lock (_gate)
            _isAsked = false;
        var isNeeded = tick(time.GetTimestamp());
        lock (_gate)
        {
            if (!isNeeded && !_isAsked)
                Stop();
        }
    }
}
