using System.Diagnostics.CodeAnalysis;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// The workers of a port, and the choice among them. A worker that does not answer, because it is busy, blocked or stopped, gets at most
/// <see cref="Candidate.MaxOffers"/>. Belongs to the cluster's loop.
/// </summary>
/// <param name="maxConnections">The number of connections that a worker may have open; 0 is no limit.</param>
/// <param name="time">The clock.</param>
internal abstract class CandidateSet(int maxConnections, TimeProvider time)
{
    /// <summary>
    /// The silence after which the others do not wait for a worker any more: shorter where none of its threads can run, as it is stopped or blocked then; longer where
    /// it has work or waits for a processor.
    /// </summary>
    internal static readonly TimeSpan StuckPatience = TimeSpan.FromMilliseconds(20), BusyPatience = TimeSpan.FromMilliseconds(100);

    /// <summary>The lead that a worker may have over the last one. Small, so that a burst of a few connections for each worker is shared evenly.</summary>
    protected const int MaxLead = 2;

    /// <summary>
    /// Connections are held while a worker is idle for so long at once, and for this part of the time: one that is always slow does not slow the others down.
    /// </summary>
    private static readonly TimeSpan MaxHeld = TimeSpan.FromMilliseconds(400);

    private const int HeldShare = 5;

    private TimeSpan _budget = MaxHeld;
    private long _countedAt = time.GetTimestamp();
    private bool _wasIdle;

    private readonly List<Candidate> _aside = [];

    /// <summary>Gets whether a worker is out of turn for a moment: <see cref="EndStalls"/> is to be called every now and then.</summary>
    public bool HasStalls => _aside.Count > 0;

    /// <summary>Gets whether a worker is in turn that has no unanswered offer.</summary>
    public abstract bool HasIdle { get; }

    /// <summary>Gets whether connections wait for a worker that is behind, while others could take them. They are to be served again soon.</summary>
    public bool IsHolding { get; private set; }

    /// <summary>Gets or sets whether a connection may wait at all. Without room to wait, it goes to any worker that can take it.</summary>
    public bool MayHold { get; set; } = true;

    protected int MaxConnections => maxConnections;

    /// <summary>Every worker of the port, in turn or not.</summary>
    protected List<Candidate> All { get; } = [];

    public virtual void Add(Candidate candidate)
    {
        All.Add(candidate);
        Changed(candidate);
    }

    public void Remove(Candidate candidate)
    {
        candidate.IsRemoved = true;
        All.Remove(candidate);
        Changed(candidate);
    }

    /// <summary>Chooses who gets the connection, and counts an offer. False when it waits: for one worker, if one is named.</summary>
    public abstract bool TryTake(in PendingConnection connection, out Candidate? candidate);

    /// <summary>Takes this one, if it is in turn and has room, and counts an offer. The connection is for it alone: that is no turn among the others.</summary>
    public bool TryTake(Candidate candidate) => TryTake(candidate, isTurn: false);

    /// <summary>As <see cref="TryTake(Candidate)"/>; the connection could have been another one's.</summary>
    protected bool TryTake(Candidate candidate, bool isTurn)
    {
        if (!candidate.IsInTurn || !HasRoom(candidate))
            return false;
        if (candidate.Outstanding++ == 0)
            candidate.SilentSince = time.GetTimestamp();
        if (isTurn)
            Taken(candidate);
        Changed(candidate);
        if (IsHolding)
            CountHeldTime(isHolding: false, hasIdle: false);
        return true;
    }

    /// <summary>
    /// Chooses the worker with the fewest connections, for one that is idle: where it is makes no difference now, but many that come together shall not
    /// all be at one. False when it waits: for that worker, if there is one. O(n).
    /// </summary>
    public bool TryTakeEmptiest(out Candidate? emptiest)
    {
        emptiest = null;
        var least = int.MaxValue;
        foreach (var candidate in All)
        {
            if (candidate is not { IsAside: false, Revoked: 0, Board: { } board } || candidate.IsFull(maxConnections))
                continue;
            var connections = board.Open + candidate.Outstanding + (candidate.HasQueue ? candidate.Queue.Count : 0);
            if (connections < least)
                (emptiest, least) = (candidate, connections);
        }
        return emptiest is not null && TryTake(emptiest);
    }

    /// <summary>The offer could not be made: the seat is not in turn until an answer comes, or <see cref="EndStalls"/>.</summary>
    public void Stall(Candidate candidate)
    {
        candidate.Outstanding--;
        SetAside(candidate);
    }

    /// <summary>The worker wants no more for now.</summary>
    public void SetAside(Candidate candidate)
    {
        candidate.IsAside = true;
        if (!_aside.Contains(candidate))
            _aside.Add(candidate);
        Changed(candidate);
    }

    /// <summary>Puts the workers that are out of turn for a moment in turn again.</summary>
    public void EndStalls()
    {
        foreach (var candidate in _aside)
        {
            if (!candidate.IsAside)
                continue; // An answer was faster.
            candidate.IsAside = false;
            Changed(candidate);
        }
        _aside.Clear();
    }

    public void Answered(Candidate candidate)
    {
        candidate.Outstanding--;
        candidate.IsAside = false;
        candidate.IsSlow = false;
        candidate.SilentSince = time.GetTimestamp();
        Changed(candidate);
    }

    /// <summary>It was given to another: this worker is out of turn until it answers.</summary>
    public void Revoked(Candidate candidate)
    {
        candidate.Revoked++;
        Changed(candidate);
    }

    /// <summary>One that was given to another is answered.</summary>
    public void RevokedAnswered(Candidate candidate)
    {
        candidate.Revoked--;
        Answered(candidate);
    }

    /// <summary>Something about it is different.</summary>
    protected abstract void Changed(Candidate candidate);

    /// <summary>It has had a turn. <see cref="Changed"/> follows.</summary>
    protected virtual void Taken(Candidate candidate)
    {
        // Only turns are counted.
    }

    /// <summary>
    /// To be called when connections are held for a worker that is behind, and when they are held no more. Takes the time in which they were held while another
    /// worker was idle from the budget, and adds a part of all other time. False when they must not be held.
    /// </summary>
    protected bool CountHeldTime(bool isHolding, bool hasIdle)
    {
        var now = time.GetTimestamp();
        var passed = time.GetElapsedTime(_countedAt, now);
        var budget = _wasIdle ? _budget - passed : _budget + (passed / HeldShare);
        _budget = budget < -MaxHeld ? -MaxHeld : budget < MaxHeld ? budget : MaxHeld;
        _countedAt = now;
        _wasIdle = isHolding && hasIdle;
        IsHolding = isHolding;
        return MayHold && _budget > TimeSpan.Zero;
    }

    /// <summary>Returns whether the worker has been silent for so long that waiting for it is of no use.</summary>
    protected bool IsSilent(Candidate candidate)
    {
        if (candidate.Outstanding == 0)
            return false;
        var silence = time.GetElapsedTime(candidate.SilentSince);
        return silence >= BusyPatience || (silence >= StuckPatience && !candidate.CanRun);
    }

    /// <summary>Returns whether the worker may have another connection. If not, it will report when it has closed one.</summary>
    protected bool HasRoom(Candidate candidate)
    {
        if (!candidate.IsFull(maxConnections))
            return true;
        candidate.Board!.RequestRoomNotice();
        return !candidate.IsFull(maxConnections); // It may have closed one just before it could know.
    }
}
