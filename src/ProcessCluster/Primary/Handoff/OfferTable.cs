using System.Runtime.InteropServices;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// The connections of one worker that the primary has a copy of, each under a number: those that were offered to it and not taken yet, and those that it has taken and
/// that are kept. A number is used again only when the worker has let go of it, and then with other upper bits. Belongs to the cluster's loop.
/// </summary>
/// <param name="capacity">The largest number of connections (<see cref="Board.Capacity"/>).</param>
internal sealed class OfferTable(int capacity)
{
    private readonly Stack<int> _free = new();
    private readonly List<int> _offers = [];
    private Entry[] _entries = new Entry[Candidate.MaxOffers];
    private int _used;
    private uint _sequence;

    /// <summary>One of them.</summary>
    public struct Entry
    {
        public uint Number;

        /// <summary>The worker and the port of the connection; null when the entry is free.</summary>
        public Candidate? Candidate;

        public PendingConnection Connection;

        /// <summary>The number of bytes that were sent on it before; null when it is not known.</summary>
        public long? SentBefore;

        /// <summary>In which order they were offered.</summary>
        public uint Sequence;

        /// <summary>When it was offered.</summary>
        public long MadeAt;

        /// <summary>True when it was given to another worker, as this one did not answer.</summary>
        public bool IsRevoked;

        /// <summary>True when a copy is kept when the worker has taken it.</summary>
        public bool IsKept;

        /// <summary>True when the worker has taken it.</summary>
        public bool IsTaken;

        /// <summary>The index among the offers.</summary>
        public int OfferAt;
    }

    /// <summary>The slots of those that are not answered. Taking one of them out puts the last in its place.</summary>
    public ReadOnlySpan<int> Offers => CollectionsMarshal.AsSpan(_offers);

    public bool HasOffers => _offers.Count > 0;

    /// <summary>Of all slots that were ever used; those without a seat are free.</summary>
    public ReadOnlySpan<Entry> All => _entries.AsSpan(0, _used);

    public ref Entry this[int index] => ref _entries[index];

    /// <summary>A number that nothing has; false when there are too many.</summary>
    public bool TryReserve(out uint number)
    {
        if (_free.TryPop(out var index))
        {
            number = _entries[index].Number + (1u << Board.IndexBits); // It may run over: that is long ago.
            return true;
        }
        if (_used == capacity)
        {
            number = 0;
            return false;
        }
        index = _used++;
        if (index == _entries.Length)
            Array.Resize(ref _entries, index * 2);
        number = (uint)index;
        return true;
    }

    /// <summary>Gives back what was reserved and not used.</summary>
    public void Release(uint number)
    {
        var index = Board.IndexOf(number);
        _entries[index] = new Entry { Number = number };
        _free.Push(index);
    }

    /// <summary>It is offered from now on.</summary>
    public void Offered(uint number, Candidate candidate, in PendingConnection connection, bool isKept, long? sentBefore, long now)
    {
        var index = Board.IndexOf(number);
        _entries[index] = new Entry
        {
            Number = number,
            Candidate = candidate,
            Connection = connection,
            Sequence = _sequence++,
            MadeAt = now,
            IsKept = isKept,
            SentBefore = sentBefore,
            OfferAt = _offers.Count,
        };
        _offers.Add(index);
    }

    /// <summary>Finds the index of a number. Returns false when no connection has it.</summary>
    public bool TryFind(uint number, out int index)
    {
        index = Board.IndexOf(number);
        return index < _used && _entries[index] is { Candidate: not null } entry && entry.Number == number;
    }

    /// <summary>The worker has taken a kept one.</summary>
    public void Taken(int index)
    {
        EndOffer(index);
        _entries[index].IsTaken = true;
    }

    /// <summary>Takes it out.</summary>
    public Entry Take(int index)
    {
        var entry = _entries[index];
        if (!entry.IsTaken)
            EndOffer(index);
        Release(entry.Number);
        return entry;
    }

    private void EndOffer(int index)
    {
        var at = _entries[index].OfferAt;
        var last = _offers[^1];
        _offers[at] = last;
        _entries[last].OfferAt = at;
        _offers.RemoveAt(_offers.Count - 1);
    }
}
