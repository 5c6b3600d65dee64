namespace ProcessCluster.Primary.Listening;

/// <summary>
/// Gives each worker its turn. Among the workers that may have the next connection, those with the fewest unanswered offers come first, and among these the one
/// that waits longest. A worker that the system has not scheduled for some milliseconds keeps its turns: the others get at most <see cref="Seats.MaxLead"/> turns
/// ahead of it, then connections are held for it. They are not held for one that proves to be stuck (<see cref="Seats.IsSilent"/>), nor for longer than the
/// budget allows. Every operation is O(1), but for passing over a slow worker.
/// </summary>
internal sealed class RoundRobinSeats(int maxConnections, TimeProvider time) : Seats(maxConnections, time)
{
    /// <summary>By unanswered offers: the workers that may have the next connection, then those that are ahead.</summary>
    private readonly (Seat? First, Seat? Last)[] _lists = new (Seat?, Seat?)[2 * Seat.MaxOffers];

    /// <summary>How many of the awaited workers have had as many turns as the last of them, how many have had one more, and so on.</summary>
    private readonly int[] _awaited = new int[MaxLead + 1];

    private long _turn;

    public override bool HasIdle => _lists[0].First is not null || _lists[Seat.MaxOffers].First is not null;

    public override bool TryTake(in PendingConnection connection, out Seat? seat)
    {
        do
        {
            for (var level = 0; level < Seat.MaxOffers;)
            {
                seat = _lists[level].First;
                if (seat is null)
                    level++;
                else if (seat.IsAwaited && HasAhead(below: level) && IsSilent(seat))
                    level = PassOver(seat);
                else if (TryTake(seat, isTurn: true))
                    return true;
                else
                    SetAside(seat); // It is full.
            }
        }
        while (HasAhead(below: Seat.MaxOffers) && !Hold());
        seat = null;
        return false;
    }

    protected override void Taken(Seat seat)
    {
        if (seat.IsAwaited && seat.Turn - _turn < MaxLead)
        {
            _awaited[(int)(seat.Turn - _turn)]--;
            _awaited[(int)(++seat.Turn - _turn)]++;
        }
        Advance();
    }

    protected override void Changed(Seat seat)
    {
        var isAwaited = seat is { IsRemoved: false, IsAside: false, IsSlow: false, Revoked: 0 };
        if (isAwaited && !seat.IsAwaited)
            seat.Turn = Math.Clamp(seat.Turn, _turn, _turn + MaxLead); // It has lost the turns that it was away for.
        if (isAwaited != seat.IsAwaited)
            _awaited[(int)(seat.Turn - _turn)] += isAwaited ? 1 : -1;
        seat.IsAwaited = isAwaited;
        if (seat.ListedAt >= 0)
            Unlink(seat);
        if (seat.IsInTurn)
            Append(seat);
        Advance();
    }

    /// <summary>Whether a worker that is ahead could take a connection, with fewer unanswered offers.</summary>
    private bool HasAhead(int below)
    {
        for (var level = 0; level < below; level++)
        {
            if (_lists[Seat.MaxOffers + level].First is not null)
                return true;
        }
        return false;
    }

    /// <summary>When the last worker has had its turn, or is not awaited any more, those that were ahead may go on.</summary>
    private void Advance()
    {
        while (_awaited[0] == 0 && (_awaited[1] > 0 || _awaited[2] > 0))
        {
            _turn++;
            (_awaited[0], _awaited[1], _awaited[2]) = (_awaited[1], _awaited[2], 0);
            for (var level = 0; level < Seat.MaxOffers; level++)
            {
                while (_lists[Seat.MaxOffers + level].First is { } seat)
                {
                    Unlink(seat);
                    Append(seat);
                }
            }
        }
    }

    /// <summary>Has connections wait for the workers that are behind; false when there is none any more that is worth waiting for.</summary>
    private bool Hold()
    {
        var mayHold = CountHeldTime(isHolding: true, hasIdle: _lists[Seat.MaxOffers].First is not null);
        var passedOver = false;
        foreach (var seat in All)
        {
            if (!seat.IsAwaited || seat.Turn != _turn || (mayHold && !IsSilent(seat)))
                continue;
            PassOver(seat);
            passedOver = true;
        }
        return !passedOver;
    }

    /// <summary>The others do not wait for the worker any more, until it answers. Gives the level to look at next.</summary>
    private int PassOver(Seat seat)
    {
        seat.IsSlow = true;
        Changed(seat);
        return 0;
    }

    private void Append(Seat seat)
    {
        seat.ListedAt = seat.Outstanding + (seat.IsAwaited && seat.Turn - _turn >= MaxLead ? Seat.MaxOffers : 0);
        ref var list = ref _lists[seat.ListedAt];
        seat.Previous = list.Last;
        seat.Next = null;
        if (list.Last is { } last)
            last.Next = seat;
        else
            list.First = seat;
        list.Last = seat;
    }

    private void Unlink(Seat seat)
    {
        ref var list = ref _lists[seat.ListedAt];
        if (seat.Previous is { } previous)
            previous.Next = seat.Next;
        else
            list.First = seat.Next;
        if (seat.Next is { } next)
            next.Previous = seat.Previous;
        else
            list.Last = seat.Previous;
        (seat.Previous, seat.Next, seat.ListedAt) = (null, null, -1);
    }
}
