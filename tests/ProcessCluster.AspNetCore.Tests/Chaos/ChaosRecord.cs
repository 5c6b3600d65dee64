using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>What happened in a chaos run: the faults that were made, and what clients saw. Thread-safe.</summary>
internal sealed class ChaosRecord
{
    private const int MaxFaults = 50;

    /// <summary>A request that runs at a worker's end is answered a little later, or had begun a little before.</summary>
    private static readonly TimeSpan Around = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<long> _deaths = new();
    private readonly ConcurrentDictionary<string, long> _counts = new();
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly ConcurrentQueue<string> _done = new();
    private readonly ConcurrentDictionary<string, bool> _answered = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private int _lastId;

    /// <summary>What should not have happened.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>The ids of requests that were answered rightly.</summary>
    public IEnumerable<string> Answered => _answered.Keys;

    public long CountOf(string what) => _counts.GetValueOrDefault(what);

    public string NextId() => Interlocked.Increment(ref _lastId).ToString(CultureInfo.InvariantCulture);

    /// <summary>A fault is made now.</summary>
    public void Did(string kind, int process)
    {
        Count(kind);
        _done.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{_watch.Elapsed.TotalSeconds:F1} s: {kind} {process}"));
    }

    /// <summary>The faults that were made, a line each.</summary>
    public IEnumerable<string> Done => _done;

    public void Count(string what) => _counts.AddOrUpdate(what, 1, static (_, count) => count + 1);

    public void Answer(string kind, string id)
    {
        Count($"{kind} answered");
        _answered[id] = true;
    }

    /// <summary>A worker ends now without having been asked, or may do so.</summary>
    public void Death() => _deaths.Enqueue(Stopwatch.GetTimestamp());

    /// <summary>A request was not answered, which is right only where its worker was killed meanwhile.</summary>
    public void Fail(string kind, string how, long since)
    {
        Count($"{kind} {how}");
        if (!_deaths.Any(death => Stopwatch.GetElapsedTime(death, since) < Around))
            Fault($"{kind} {how}, and no worker was killed");
    }

    public void Fault(string what)
    {
        Count("faults");
        if (_faults.Count < MaxFaults)
            _faults.Enqueue($"{_watch.Elapsed.TotalSeconds:F1} s: {what}");
    }

    public override string ToString() =>
        $"{string.Join(", ", _counts.OrderBy(static count => count.Key, StringComparer.Ordinal).Select(static count => $"{count.Key} {count.Value}"))}"
        + string.Concat(_faults.Select(static fault => $"{Environment.NewLine}  {fault}"));
}
