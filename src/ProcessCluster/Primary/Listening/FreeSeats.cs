using System.Diagnostics.CodeAnalysis;

namespace ProcessCluster.Primary.Listening;

/// <summary>One worker's place at one port.</summary>
internal sealed class Seat(WorkerChannel channel, SharedPort port)
{
    public WorkerChannel Channel { get; } = channel;

    public SharedPort Port { get; } = port;

    /// <summary>Offers that the worker has not answered yet.</summary>
    public int Outstanding { get; set; }

    /// <summary>Whether it is in turn. It is not when it was removed, is stalled, or has as many offers as it may have.</summary>
    public bool IsListed { get; set; }

    /// <summary>The number of unanswered offers that it had when it was listed.</summary>
    public int ListedAt { get; set; }

    public bool IsRemoved { get; set; }

    public Seat? Previous { get; set; }

    public Seat? Next { get; set; }
}

/// <summary>
/// The workers of a port that may be offered a connection: those with the fewest unanswered offers first, among them the one that
/// waits longest (round robin). A worker that does not answer, because it is busy, blocked or stopped, gets at most
/// <see cref="OffersPerWorker"/>. Every operation is O(1).
/// </summary>
internal sealed class FreeSeats
{
    /// <summary>How many connections may be on their way to one worker. More than one hides the way to and fro under load.</summary>
    public const int OffersPerWorker = 4;

    private readonly List<Seat> _stalled = [];
    private readonly (Seat? First, Seat? Last)[] _levels = new (Seat?, Seat?)[OffersPerWorker];

    public bool HasAny => Array.Exists(_levels, static level => level.First is not null);

    public void Add(Seat seat) => Append(seat);

    public void Remove(Seat seat)
    {
        seat.IsRemoved = true;
        if (seat.IsListed)
            Unlink(seat);
    }

    /// <summary>Takes the seat that is next in turn and counts an offer to it.</summary>
    public bool TryTake([NotNullWhen(true)] out Seat? seat)
    {
        for (var level = 0; level < OffersPerWorker; level++)
        {
            seat = _levels[level].First;
            if (seat is null)
                continue;
            Unlink(seat);
            seat.Outstanding++;
            if (seat.Outstanding < OffersPerWorker)
                Append(seat);
            return true;
        }
        seat = null;
        return false;
    }

    /// <summary>The offer could not be made: the seat is not in turn until an answer comes, or <see cref="EndStalls"/>.</summary>
    public void Stall(Seat seat)
    {
        if (seat.IsListed)
            Unlink(seat);
        seat.Outstanding--;
        _stalled.Add(seat);
    }

    public bool HasStalls => _stalled.Count > 0;

    public void EndStalls()
    {
        foreach (var seat in _stalled)
        {
            if (!seat.IsListed && !seat.IsRemoved && seat.Outstanding < OffersPerWorker)
                Append(seat);
        }
        _stalled.Clear();
    }

    public void Answered(Seat seat)
    {
        if (seat.IsListed)
            Unlink(seat);
        seat.Outstanding--;
        if (!seat.IsRemoved)
            Append(seat);
    }

    private void Append(Seat seat)
    {
        ref var level = ref _levels[seat.Outstanding];
        seat.Previous = level.Last;
        seat.Next = null;
        if (level.Last is { } last)
            last.Next = seat;
        else
            level.First = seat;
        level.Last = seat;
        seat.IsListed = true;
        seat.ListedAt = seat.Outstanding;
    }

    private void Unlink(Seat seat)
    {
        ref var level = ref _levels[seat.ListedAt];
        if (seat.Previous is { } previous)
            previous.Next = seat.Next;
        else
            level.First = seat.Next;
        if (seat.Next is { } next)
            next.Previous = seat.Previous;
        else
            level.Last = seat.Previous;
        (seat.Previous, seat.Next, seat.IsListed) = (null, null, false);
    }
}
