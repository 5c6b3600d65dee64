using System.Globalization;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// Finds the request that ends its workers, and has it refused for a time. A request's row is how many crashes in a row it was running in; the first that is long enough makes
/// its request a suspect. Of several suspects the one that ran in the fewest places is taken: a busy innocent route runs in every crash, many times, a poisonous one is rare. If the wrong
/// one was taken crashes go on without it, and the next row finds the next. The workers read from the memory that they share with the primary what they refuse, so that it holds
/// for each of them before anybody is told of the crash. Belongs to the cluster's loop.
/// </summary>
internal sealed class RequestQuarantine(ILogger logger, ClusterMetrics metrics, TimeProvider time)
{
    /// <summary>The number of requests of one crash that are read: more are nonsense.</summary>
    private const int MaxRows = 4096;

    /// <summary>With how many requests each living worker was seen to have refused.</summary>
    private readonly Dictionary<PrimaryBoard, int> _boards = [];

    /// <summary>The requests in quarantine, by their place on the boards.</summary>
    private readonly SortedDictionary<int, Held> _held = [];

    private readonly Queue<int> _crashed = [];
    private Dictionary<long, Row> _rows = [];

    private readonly record struct Held(long Fingerprint, string Name, long Until);

    /// <param name="Crashes">In how many crashes in a row.</param>
    /// <param name="Running">The number of its runs in them, together.</param>
    /// <param name="Name">The request's name.</param>
    private readonly record struct Row(int Crashes, long Running, string Name);

    /// <summary>A worker is there, and has not got a connection yet.</summary>
    public void Add(PrimaryBoard board)
    {
        _boards.Add(board, board.Refused);
        foreach (var (place, held) in _held)
            board.Quarantine(place, held.Fingerprint, held.Until);
    }

    /// <summary>A worker is gone; its board is still there.</summary>
    public void Remove(PrimaryBoard board)
    {
        Count(board);
        _boards.Remove(board);
    }

    /// <summary>A worker has crashed.</summary>
    /// <param name="worker">The worker's number.</param>
    /// <param name="options">The number of crashes that are enough, and the time of the quarantine.</param>
    /// <param name="running">The requests that were running in it, by fingerprint; none ends every row.</param>
    public void Crashed(int worker, ConnectionSurvivalOptions options, IReadOnlyDictionary<long, RunningRequests> running)
    {
        if (running.Keys.Any(Has))
            return; // One of those that had begun before, which explains the crash: it says nothing of the others.
        _crashed.Enqueue(worker);
        while (_crashed.Count > options.QuarantineAfter)
            _crashed.Dequeue();
        var rows = new Dictionary<long, Row>();
        foreach (var (fingerprint, (name, count)) in running.Take(MaxRows))
        {
            var before = _rows.GetValueOrDefault(fingerprint);
            rows.Add(fingerprint, new Row(before.Crashes + 1, before.Running + count, name));
        }
        _rows = rows;
        var suspects = rows.Where(row => row.Value.Crashes >= options.QuarantineAfter).ToList();
        if (suspects.Count == 0)
            return;
        var (suspect, known) = suspects.OrderBy(static row => row.Value.Running).ThenBy(static row => row.Value.Name, StringComparer.Ordinal).ThenBy(static row => row.Key).First();
        Begin(suspect, known, options.QuarantineTime);
        _rows = [];
        _crashed.Clear();
    }

    /// <summary>To be called about once a second. Workers look at the time themselves: nothing is refused for longer because this comes late.</summary>
    public void LiftExpired()
    {
        foreach (var board in _boards.Keys.ToList())
            Count(board);
        var now = time.GetTimestamp();
        foreach (var (place, _) in _held.Where(held => held.Value.Until <= now).ToList())
            Lift(place);
    }

    private bool Has(long fingerprint) => _held.Values.Any(held => held.Fingerprint == fingerprint && held.Until > time.GetTimestamp());

    private void Begin(long fingerprint, in Row row, TimeSpan period)
    {
        foreach (var (ended, _) in _held.Where(held => held.Value.Fingerprint == fingerprint).ToList())
            Lift(ended); // Its time is over, and nobody has looked since.
        if (_held.Count == Board.MaxQuarantined)
            Lift(_held.MinBy(static held => held.Value.Until).Key);
        var place = Enumerable.Range(0, Board.MaxQuarantined).First(place => !_held.ContainsKey(place));
        var until = time.GetTimestamp() + (long)(period.TotalSeconds * time.TimestampFrequency);
        _held.Add(place, new Held(fingerprint, row.Name, until));
        foreach (var board in _boards.Keys)
            board.Quarantine(place, fingerprint, until);
        metrics.Quarantined();
        logger.Quarantined(row.Name, row.Crashes, string.Join(", ", _crashed.Select(static worker => worker.ToString(CultureInfo.InvariantCulture))), period);
    }

    private void Lift(int place)
    {
        _held.Remove(place, out var held);
        foreach (var board in _boards.Keys)
            board.Lift(place);
        logger.QuarantineLifted(held.Name);
    }

    /// <summary>Counts the requests that the worker has refused since the last time. What it writes there is not trusted to grow.</summary>
    private void Count(PrimaryBoard board)
    {
        var refused = board.Refused;
        var more = unchecked(refused - _boards[board]);
        _boards[board] = refused;
        if (more > 0)
            metrics.Refused(more);
    }
}

/// <summary>Requests of one kind that were running in one worker.</summary>
/// <param name="Name">The requests' name.</param>
/// <param name="Count">The number of them.</param>
internal readonly record struct RunningRequests(string Name, int Count);
