namespace ProcessCluster.Primary.Listening;

/// <summary>
/// Those with the fewest unanswered offers first, among them the one that waits longest. Every operation is O(1).
/// </summary>
internal sealed class RoundRobinSeats(int maxConnections = 0) : Seats(maxConnections)
{
    private readonly (Seat? First, Seat? Last)[] _levels = new (Seat?, Seat?)[Seat.MaxOffers];

    public override bool HasIdle => _levels[0].First is not null;

    public override bool TryTake(in PendingConnection connection, out Seat? seat)
    {
        for (var level = 0; level < _levels.Length;)
        {
            seat = _levels[level].First;
            if (seat is null)
                level++;
            else if (TryTake(seat))
                return true;
            else
                SetAside(seat); // It is full.
        }
        seat = null;
        return false;
    }

    protected override void Changed(Seat seat)
    {
        if (seat.IsListed)
            Unlink(seat);
        if (seat.IsInTurn)
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
