using System.Runtime.InteropServices;
using ProcessCluster.Wire;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// The connections of one worker that the primary has a copy of, each under a number: those that were offered to it and not taken yet, and those that it has taken and
/// that are kept. A number is used again only when the worker has let go of it, and then with other upper bits. Belongs to the cluster's loop.
/// </summary>
/// <param name="slots">How many there can be (<see cref="Board.Capacity"/>).</param>
internal sealed class WorkerConnections(int slots)
{
    private readonly Stack<int> _free = new();
    private readonly List<int> _offers = [];
    private Entry[] _entries = new Entry[Seat.MaxOffers];
    private int _used;
    private uint _sequence;

    /// <summary>One of them.</summary>
    public struct Entry
    {
        public uint Number;

        /// <summary>Whose it is, and of which port; null when the slot is free.</summary>
        public Seat? Seat;

        public PendingConnection Connection;

        /// <summary>How many bytes were sent on it before; null when that is not known.</summary>
        public long? SentBefore;

        /// <summary>In which order they were offered.</summary>
        public uint Sequence;

        /// <summary>When it was offered.</summary>
        public long MadeAt;

        /// <summary>Whether it was given to another worker, as this one did not answer.</summary>
        public bool IsRevoked;

        /// <summary>Whether a copy is kept when the worker has taken it.</summary>
        public bool IsKept;

        /// <summary>Whether the worker has taken it.</summary>
        public bool IsTaken;

        /// <summary>Where it is among the offers.</summary>
        public int OfferAt;
    }

    /// <summary>The slots of those that are not answered. Taking one of them out puts the last in its place.</summary>
    public ReadOnlySpan<int> Offers => CollectionsMarshal.AsSpan(_offers);

    public bool HasOffers => _offers.Count > 0;

    /// <summary>Of all slots that were ever used; those without a seat are free.</summary>
    public ReadOnlySpan<Entry> All => _entries.AsSpan(0, _used);

    public ref Entry this[int slot] => ref _entries[slot];

    /// <summary>A number that nothing has; false when there are too many.</summary>
    public bool TryReserve(out uint number)
    {
        if (_free.TryPop(out var slot))
        {
            number = _entries[slot].Number + (1u << Board.IndexBits); // It may run over: that is long ago.
            return true;
        }
        if (_used == slots)
        {
            number = 0;
            return false;
        }
        slot = _used++;
        if (slot == _entries.Length)
            Array.Resize(ref _entries, slot * 2);
        number = (uint)slot;
        return true;
    }

    /// <summary>Gives back what was reserved and not used.</summary>
    public void Release(uint number)
    {
        var slot = Board.IndexOf(number);
        _entries[slot] = new Entry { Number = number };
        _free.Push(slot);
    }

    /// <summary>It is offered from now on.</summary>
    public void Offered(uint number, Seat seat, in PendingConnection connection, bool isKept, long? sentBefore, long now)
    {
        var slot = Board.IndexOf(number);
        _entries[slot] = new Entry
        {
            Number = number,
            Seat = seat,
            Connection = connection,
            Sequence = _sequence++,
            MadeAt = now,
            IsKept = isKept,
            SentBefore = sentBefore,
            OfferAt = _offers.Count,
        };
        _offers.Add(slot);
    }

    /// <summary>Where the number is; false when nothing has it.</summary>
    public bool TryFind(uint number, out int slot)
    {
        slot = Board.IndexOf(number);
        return slot < _used && _entries[slot] is { Seat: not null } entry && entry.Number == number;
    }

    /// <summary>The worker has taken a kept one.</summary>
    public void Taken(int slot)
    {
        EndOffer(slot);
        _entries[slot].IsTaken = true;
    }

    /// <summary>Takes it out.</summary>
    public Entry Take(int slot)
    {
        var entry = _entries[slot];
        if (!entry.IsTaken)
            EndOffer(slot);
        Release(entry.Number);
        return entry;
    }

    private void EndOffer(int slot)
    {
        var at = _entries[slot].OfferAt;
        var last = _offers[^1];
        _offers[at] = last;
        _entries[last].OfferAt = at;
        _offers.RemoveAt(_offers.Count - 1);
    }
}
