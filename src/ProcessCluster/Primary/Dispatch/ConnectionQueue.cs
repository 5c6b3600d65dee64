using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// The connections of a port that wait for a worker, in order of arrival: a ring that grows to its use and is bounded by who fills it
/// (<see cref="ClusterOptions.MaxWaitingConnections"/>, and the unanswered offers of workers that died).
/// </summary>
internal sealed class ConnectionQueue
{
    private PendingConnection[] _ring = new PendingConnection[16];
    private int _first;

    public int Count { get; private set; }

    public ref readonly PendingConnection Peek() => ref _ring[_first];

    public void PushBack(in PendingConnection connection)
    {
        GrowIfFull();
        _ring[(_first + Count) & (_ring.Length - 1)] = connection;
        Count++;
    }

    public void PushFront(in PendingConnection connection)
    {
        GrowIfFull();
        _first = (_first - 1) & (_ring.Length - 1);
        _ring[_first] = connection;
        Count++;
    }

    public PendingConnection Pop()
    {
        var connection = _ring[_first];
        _first = (_first + 1) & (_ring.Length - 1);
        Count--;
        return connection;
    }

    /// <summary>The last one.</summary>
    public PendingConnection PopBack()
    {
        Count--;
        return _ring[(_first + Count) & (_ring.Length - 1)];
    }

    /// <summary>Takes the first one, if its time is over.</summary>
    public bool TryPopOverdue(long now, out PendingConnection connection)
    {
        var isOverdue = Count > 0 && Peek().Deadline <= now;
        connection = isOverdue ? Pop() : default;
        return isOverdue;
    }

    /// <summary>Closes all.</summary>
    public void Close()
    {
        while (Count > 0)
            StreamSocket.CloseCopy(Pop().Descriptor);
    }

    private void GrowIfFull()
    {
        if (Count < _ring.Length)
            return;
        var larger = new PendingConnection[_ring.Length * 2];
        for (var i = 0; i < Count; i++)
            larger[i] = _ring[(_first + i) & (_ring.Length - 1)];
        _ring = larger;
        _first = 0;
    }
}
