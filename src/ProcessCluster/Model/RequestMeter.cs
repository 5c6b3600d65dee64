using System.Diagnostics;

namespace ProcessCluster;

/// <summary>Counts the requests of a worker. Thread-safe.</summary>
/// <param name="begins">Called at the beginning of each.</param>
/// <param name="ends">Called at its end.</param>
internal sealed class RequestMeter(Action? begins = null, Action? ends = null)
{
    private long _begun;
    private int _inFlight;
    private long _busySince;
    private long _busy;

    /// <summary>Requests begun so far.</summary>
    public long Begun => Volatile.Read(ref _begun);

    /// <summary>Requests begun and not ended.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>For how long there was at least one, up to now. Two that end and begin in the same instant may blur it by as much.</summary>
    public TimeSpan Busy
    {
        get
        {
            var ticks = Volatile.Read(ref _busy);
            if (InFlight > 0)
                ticks += Stopwatch.GetTimestamp() - Volatile.Read(ref _busySince);
            return TimeSpan.FromSeconds(ticks / (double)Stopwatch.Frequency);
        }
    }

    public RequestScope Begin()
    {
        Interlocked.Increment(ref _begun);
        begins?.Invoke();
        if (Interlocked.Increment(ref _inFlight) == 1)
            Volatile.Write(ref _busySince, Stopwatch.GetTimestamp());
        return new RequestScope(this);
    }

    public void End()
    {
        ends?.Invoke();
        var busy = Stopwatch.GetTimestamp() - Volatile.Read(ref _busySince);
        if (Interlocked.Decrement(ref _inFlight) == 0)
            Interlocked.Add(ref _busy, busy);
    }
}

/// <summary>A request under way (<see cref="ClusterWorker.TrackRequest"/>). Dispose it once.</summary>
public readonly struct RequestScope : IDisposable, IEquatable<RequestScope>
{
    private readonly RequestMeter? _meter;

    internal RequestScope(RequestMeter meter) => _meter = meter;

    /// <summary>Returns whether both stand for requests of the same worker.</summary>
    public static bool operator ==(RequestScope left, RequestScope right) => left.Equals(right);

    /// <summary>Returns whether they stand for requests of different workers.</summary>
    public static bool operator !=(RequestScope left, RequestScope right) => !left.Equals(right);

    /// <summary>The request has ended.</summary>
    public void Dispose() => _meter?.End();

    /// <inheritdoc/>
    public bool Equals(RequestScope other) => _meter == other._meter;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is RequestScope other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _meter?.GetHashCode() ?? 0;
}
