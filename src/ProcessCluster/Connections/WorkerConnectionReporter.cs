using ProcessCluster.Protocol;

namespace ProcessCluster.Connections;

/// <summary>Writes the state of a worker's connections where the primary reads it. Thread-safe.</summary>
/// <param name="board">The board.</param>
/// <param name="say">Tells the primary what it wants to be told.</param>
internal sealed class WorkerConnectionReporter(WorkerBoard board, Action<OfferAnswer> say)
{
    /// <summary>One was taken: it counts as work until it is known what it does.</summary>
    public void Opened(bool isKnown)
    {
        board.ConnectionOpened();
        if (!isKnown)
            board.WorkBegins();
    }

    /// <summary>From now on the requests on it count, not the connection.</summary>
    public void IsKnown() => board.WorkEnds();

    /// <summary>One was closed.</summary>
    /// <param name="isKnown">True when it did not count as work any more.</param>
    /// <param name="number">Under which the primary has a copy of it, which it shall close; null when it has none.</param>
    /// <param name="isCut">True when this side has ended it, and not in order.</param>
    public void Closed(bool isKnown, uint? number, bool isCut = false)
    {
        if (isCut)
            board.ConnectionCut();
        if (!isKnown)
            board.WorkEnds();
        if (number is { } kept)
        {
            board.Close(kept);
            Notify();
        }
        if (board.ConnectionClosed())
            say(OfferAnswer.RoomAvailable);
    }

    /// <summary>Reports the state of a connection that the primary has a copy of.</summary>
    public void Report(uint number, ClusterConnectionState state) => board.Report(number, state);

    /// <summary>Reports the place of the response on it, and the state after it.</summary>
    public void ReportResponse(uint number, long begin, long end, ClusterConnectionState then) => board.ReportResponse(number, begin, end, then);

    /// <summary>Reports the request that is being served on it.</summary>
    public void ReportRequest(uint number, long fingerprint, ReadOnlySpan<byte> name) => board.ReportRequest(number, fingerprint, name);

    /// <summary>Returns whether a request is refused, and for how long yet. Counts the refusal.</summary>
    public bool IsQuarantined(long fingerprint, out TimeSpan remaining)
    {
        if (!board.IsQuarantined(fingerprint, out remaining))
            return false;
        board.Refuse();
        return true;
    }

    /// <summary>Connections were claimed or closed: unless the primary looks soon anyway, it is told to.</summary>
    public void Notify()
    {
        if (board.TakeNoticeRequest())
            say(OfferAnswer.BoardChanged);
    }
}
