using ProcessCluster.Platform;

namespace ProcessCluster.Sockets;

/// <summary>What a worker writes of its connections where the primary sees it. Thread-safe.</summary>
/// <param name="page">Where.</param>
/// <param name="roomCame">Called when one was closed and the primary wants to know.</param>
internal sealed class ConnectionCount(SharedPage page, Action roomCame)
{
    /// <summary>One was taken: it counts as work until it is known what it does.</summary>
    public void Opened(bool isKnown)
    {
        page.ConnectionOpened();
        if (!isKnown)
            page.WorkBegins();
    }

    /// <summary>From now on the requests on it count, not the connection.</summary>
    public void IsKnown() => page.WorkEnds();

    public void Closed(bool isKnown)
    {
        if (!isKnown)
            page.WorkEnds();
        if (page.ConnectionClosed())
            roomCame();
    }
}
