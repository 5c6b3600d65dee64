using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// Whoever the policy chooses. A choice is O(n). Where the policy evens connections out, they are held for a worker that has fewer of them and is just behind with its
/// answers, as by <see cref="RoundRobinSet"/>.
/// </summary>
internal sealed class PolicySet(
    IDispatchPolicy policy, bool isEven, int peekBytes, IDictionary<int, int> weights, int maxConnections, TimeProvider time)
    : CandidateSet(maxConnections, time)
{
    private DispatchCandidate[] _candidates = new DispatchCandidate[4];
    private Candidate[] _chosenFrom = new Candidate[4];

    public override bool HasIdle => All.Exists(candidate => candidate is { IsInTurn: true, Outstanding: 0 } && !candidate.IsFull(MaxConnections));

    public override void Add(Candidate candidate)
    {
        if (All.Count == _candidates.Length)
        {
            Array.Resize(ref _candidates, _candidates.Length * 2);
            Array.Resize(ref _chosenFrom, _candidates.Length);
        }
        base.Add(candidate);
    }

    public override bool TryTake(in PendingConnection connection, out Candidate? candidate)
    {
        candidate = null;
        var count = 0;
        foreach (var other in All)
        {
            if (other.Revoked > 0)
                continue; // It does not answer.
            _chosenFrom[count] = other;
            _candidates[count] = Describe(other);
            count++;
        }
        if (count == 0)
            return false;
        var chosen = Choose(connection, _candidates.AsSpan(0, count));
        if (chosen < 0)
        {
            foreach (var full in All)
                HasRoom(full); // Whoever has room first will say so.
            return false;
        }
        var choice = _chosenFrom.AsSpan(0, count)[chosen];
        if (isEven && IsHeld(_candidates[chosen].OpenConnections, count))
            return false;
        candidate = choice;
        return TryTake(candidate);
    }

    protected override void Changed(Candidate candidate)
    {
        // It is looked at when there is a choice to make.
    }

    /// <summary>Returns whether a worker with fewer connections than the chosen one is to have the next ones, as soon as it has answered an offer.</summary>
    private bool IsHeld(int connections, int count)
    {
        var isHeld = false;
        var mayHold = true;
        for (var i = 0; i < count; i++)
        {
            var behind = _chosenFrom[i];
            if (behind is not { IsAside: false, IsSlow: false, Outstanding: >= Candidate.MaxOffers } || _candidates[i].OpenConnections + MaxLead > connections)
                continue;
            if (!isHeld)
                mayHold = CountHeldTime(isHolding: true, HasIdle);
            behind.IsSlow = !mayHold || IsSilent(behind);
            isHeld |= !behind.IsSlow;
        }
        return isHeld;
    }

    private int Choose(in PendingConnection connection, ReadOnlySpan<DispatchCandidate> candidates)
    {
        var peer = connection.Peer;
        Span<byte> buffer = stackalloc byte[peekBytes == 0 ? 0 : Math.Min(connection.Skip + peekBytes, PendingConnection.MaxPeek)];
        return policy.Choose(new DispatchConnection(peer.Address, peer.Port, peekBytes == 0 ? [] : connection.PeekPayload(buffer)), candidates);
    }

    private DispatchCandidate Describe(Candidate candidate)
    {
        var worker = candidate.Channel.Worker;
        var board = candidate.Board!;
        var underWay = candidate.Channel.CountUnderWay(candidate);
        return new DispatchCandidate(
            worker.Id,
            worker.Slot,
            worker.Generation,
            weights.TryGetValue(worker.Slot, out var weight) ? weight : 1,
            board.Open + underWay,
            board.Busy + underWay,
            candidate.IsInTurn && !candidate.IsFull(MaxConnections));
    }
}
