namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// Gives each worker its turn. Among the workers that may have the next connection, those with the fewest unanswered offers come first, and among these the one
/// that waits longest. A worker that the system has not scheduled for some milliseconds keeps its turns: the others get at most <see cref="CandidateSet.MaxLead"/> turns
/// ahead of it, then connections are held for it. They are not held for one that proves to be stuck (<see cref="CandidateSet.IsSilent"/>), nor for longer than the
/// budget allows. Every operation is O(1), but for passing over a slow worker.
/// </summary>
internal sealed class RoundRobinSet(int maxConnections, TimeProvider time) : CandidateSet(maxConnections, time)
{
    /// <summary>By unanswered offers: the workers that may have the next connection, then those that are ahead.</summary>
    private readonly (Candidate? First, Candidate? Last)[] _lists = new (Candidate?, Candidate?)[2 * Candidate.MaxOffers];

    /// <summary>The number of awaited workers by their lead over the last of them.</summary>
    private readonly int[] _awaited = new int[MaxLead + 1];

    private long _turn;

    public override bool HasIdle => _lists[0].First is not null || _lists[Candidate.MaxOffers].First is not null;

    public override bool TryTake(in PendingConnection connection, out Candidate? candidate)
    {
        do
        {
            for (var level = 0; level < Candidate.MaxOffers;)
            {
                candidate = _lists[level].First;
                if (candidate is null)
                    level++;
                else if (candidate.IsAwaited && HasAhead(below: level) && IsSilent(candidate))
                    level = PassOver(candidate);
                else if (TryTake(candidate, isTurn: true))
                    return true;
                else
                    SetAside(candidate); // It is full.
            }
        }
        while (HasAhead(below: Candidate.MaxOffers) && !Hold());
        candidate = null;
        return false;
    }

    protected override void Taken(Candidate candidate)
    {
        if (candidate.IsAwaited && candidate.Turn - _turn < MaxLead)
        {
            _awaited[(int)(candidate.Turn - _turn)]--;
            _awaited[(int)(++candidate.Turn - _turn)]++;
        }
        Advance();
    }

    protected override void Changed(Candidate candidate)
    {
        var isAwaited = candidate is { IsRemoved: false, IsAside: false, IsSlow: false, Revoked: 0 };
        if (isAwaited && !candidate.IsAwaited)
            candidate.Turn = Math.Clamp(candidate.Turn, _turn, _turn + MaxLead); // It has lost the turns that it was away for.
        if (isAwaited != candidate.IsAwaited)
            _awaited[(int)(candidate.Turn - _turn)] += isAwaited ? 1 : -1;
        candidate.IsAwaited = isAwaited;
        if (candidate.ListedAt >= 0)
            Unlink(candidate);
        if (candidate.IsInTurn)
            Append(candidate);
        Advance();
    }

    /// <summary>Returns whether a worker that is ahead could take a connection, with fewer unanswered offers.</summary>
    private bool HasAhead(int below)
    {
        for (var level = 0; level < below; level++)
        {
            if (_lists[Candidate.MaxOffers + level].First is not null)
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
            for (var level = 0; level < Candidate.MaxOffers; level++)
            {
                while (_lists[Candidate.MaxOffers + level].First is { } candidate)
                {
                    Unlink(candidate);
                    Append(candidate);
                }
            }
        }
    }

    /// <summary>Has connections wait for the workers that are behind; false when there is none any more that is worth waiting for.</summary>
    private bool Hold()
    {
        var mayHold = CountHeldTime(isHolding: true, hasIdle: _lists[Candidate.MaxOffers].First is not null);
        var passedOver = false;
        foreach (var candidate in All)
        {
            if (!candidate.IsAwaited || candidate.Turn != _turn || (mayHold && !IsSilent(candidate)))
                continue;
            PassOver(candidate);
            passedOver = true;
        }
        return !passedOver;
    }

    /// <summary>The others do not wait for the worker any more, until it answers. Gives the level to look at next.</summary>
    private int PassOver(Candidate candidate)
    {
        candidate.IsSlow = true;
        Changed(candidate);
        return 0;
    }

    private void Append(Candidate candidate)
    {
        candidate.ListedAt = candidate.Outstanding + (candidate.IsAwaited && candidate.Turn - _turn >= MaxLead ? Candidate.MaxOffers : 0);
        ref var list = ref _lists[candidate.ListedAt];
        candidate.Previous = list.Last;
        candidate.Next = null;
        if (list.Last is { } last)
            last.Next = candidate;
        else
            list.First = candidate;
        list.Last = candidate;
    }

    private void Unlink(Candidate candidate)
    {
        ref var list = ref _lists[candidate.ListedAt];
        if (candidate.Previous is { } previous)
            previous.Next = candidate.Next;
        else
            list.First = candidate.Next;
        if (candidate.Next is { } next)
            next.Previous = candidate.Previous;
        else
            list.Last = candidate.Previous;
        candidate.Previous = null;
        candidate.Next = null;
        candidate.ListedAt = -1;
    }
}
