using System.Diagnostics.CodeAnalysis;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// The connections of a port that wait for a certain worker, because the policy has chosen it: a line for each worker. Belongs to the cluster's loop.
/// </summary>
internal sealed class WorkerLines
{
    private readonly List<Seat> _seats = [];
    private int _count;

    /// <summary>How many connections wait. May be read on any thread.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The workers that connections wait for.</summary>
    public IReadOnlyList<Seat> Seats => _seats;

    public void Add(Seat seat, in PendingConnection connection)
    {
        seat.Line.PushBack(connection);
        if (!_seats.Contains(seat))
            _seats.Add(seat);
        Changed();
    }

    /// <summary>The first connection of a worker's line has left it.</summary>
    public void Pop(Seat seat)
    {
        seat.Line.Pop();
        Changed();
    }

    /// <summary>Takes the next connection whose time is over.</summary>
    public bool TryPopOverdue(long now, [MaybeNullWhen(false)] out PendingConnection connection)
    {
        foreach (var seat in _seats)
        {
            if (!seat.Line.TryPopOverdue(now, out connection))
                continue;
            Changed();
            return true;
        }
        connection = default;
        return false;
    }

    /// <summary>Nobody waits for the worker any more: they wait for any, before those that came later.</summary>
    public void Dissolve(Seat seat, WaitingLine into)
    {
        while (seat.HasLine)
            into.PushFront(seat.Line.PopBack());
        Changed();
    }

    /// <summary>Closes all of them.</summary>
    public void Close()
    {
        foreach (var seat in _seats)
            seat.Line.Close();
        Changed();
    }

    private void Changed()
    {
        _seats.RemoveAll(static seat => !seat.HasLine);
        Volatile.Write(ref _count, _seats.Sum(static seat => seat.Line.Count));
    }
}
