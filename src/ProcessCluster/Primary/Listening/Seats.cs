using System.Diagnostics.CodeAnalysis;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// The workers of a port, and the choice among them. A worker that does not answer, because it is busy, blocked or stopped, gets at most
/// <see cref="Seat.MaxOffers"/>. Belongs to the cluster's loop.
/// </summary>
/// <param name="maxConnections">How many connections a worker may have open; 0 is no limit.</param>
internal abstract class Seats(int maxConnections)
{
    private readonly List<Seat> _aside = [];

    /// <summary>Whether somebody is out of turn who may be in turn again: <see cref="EndStalls"/> is to be called every now and then.</summary>
    public bool HasStalls => _aside.Count > 0;

    /// <summary>Whether a worker is in turn that has no unanswered offer.</summary>
    public abstract bool HasIdle { get; }

    protected int MaxConnections => maxConnections;

    /// <summary>Every worker of the port, in turn or not.</summary>
    protected List<Seat> All { get; } = [];

    public virtual void Add(Seat seat)
    {
        All.Add(seat);
        Changed(seat);
    }

    public void Remove(Seat seat)
    {
        seat.IsRemoved = true;
        All.Remove(seat);
        Changed(seat);
    }

    /// <summary>Chooses who gets the connection, and counts an offer. False when it waits: for one worker, if one is named.</summary>
    public abstract bool TryTake(in PendingConnection connection, out Seat? seat);

    /// <summary>Takes this one, if it is in turn and has room, and counts an offer.</summary>
    public bool TryTake(Seat seat)
    {
        if (!seat.IsInTurn || !HasRoom(seat))
            return false;
        seat.Outstanding++;
        Changed(seat);
        return true;
    }

    /// <summary>
    /// Chooses the worker with the fewest connections, for one that is idle: where it is makes no difference now, but many that come together shall not
    /// all be at one. False when it waits: for that worker, if there is one. O(n).
    /// </summary>
    public bool TryTakeEmptiest(out Seat? emptiest)
    {
        emptiest = null;
        var least = int.MaxValue;
        foreach (var seat in All)
        {
            if (seat is not { IsAside: false, Revoked: 0, Page: { } page } || seat.IsFull(maxConnections))
                continue;
            var connections = page.Open + seat.Outstanding + (seat.HasLine ? seat.Line.Count : 0);
            if (connections < least)
                (emptiest, least) = (seat, connections);
        }
        return emptiest is not null && TryTake(emptiest);
    }

    /// <summary>The offer could not be made: the seat is not in turn until an answer comes, or <see cref="EndStalls"/>.</summary>
    public void Stall(Seat seat)
    {
        seat.Outstanding--;
        SetAside(seat);
    }

    /// <summary>The worker wants no more for now.</summary>
    public void SetAside(Seat seat)
    {
        seat.IsAside = true;
        if (!_aside.Contains(seat))
            _aside.Add(seat);
        Changed(seat);
    }

    /// <summary>Who is out of turn for a moment is in turn again.</summary>
    public void EndStalls()
    {
        foreach (var seat in _aside)
        {
            if (!seat.IsAside)
                continue; // An answer was faster.
            seat.IsAside = false;
            Changed(seat);
        }
        _aside.Clear();
    }

    public void Answered(Seat seat)
    {
        seat.Outstanding--;
        seat.IsAside = false;
        Changed(seat);
    }

    /// <summary>It was given to another: this worker is out of turn until it answers.</summary>
    public void Revoked(Seat seat)
    {
        seat.Revoked++;
        Changed(seat);
    }

    /// <summary>One that was given to another is answered.</summary>
    public void RevokedAnswered(Seat seat)
    {
        seat.Revoked--;
        Answered(seat);
    }

    /// <summary>Something about it is different.</summary>
    protected abstract void Changed(Seat seat);

    /// <summary>Whether the worker may have another connection. If not, it will say when it has closed one.</summary>
    protected bool HasRoom(Seat seat)
    {
        if (!seat.IsFull(maxConnections))
            return true;
        seat.Page!.WantRoom();
        return !seat.IsFull(maxConnections); // It may have closed one just before it could know.
    }
}
