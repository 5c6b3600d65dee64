namespace ProcessCluster.Messaging;

/// <summary>
/// The requests of one link that wait for their answer. Whoever takes one out completes it, so that each ends once: by its answer, its
/// deadline, its token or the end of the link. Thread-safe; allocates nothing in steady state.
/// </summary>
internal sealed class PendingRequests
{
    /// <summary>As many can wait at once.</summary>
    public const int MaxPending = 1 << IndexBits;

    private const int IndexBits = 20;

    private readonly Lock _gate = new();
    private readonly Stack<int> _free = new();
    private Entry[] _entries = new Entry[16];
    private int _used;
    private bool _isClosed;

    private struct Entry
    {
        public PendingRequest? Request;
        public uint Turn;
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _used - _free.Count;
            }
        }
    }

    /// <summary>Adds one and gives the number that its answer repeats, never 0; or 0 when the link has ended.</summary>
    /// <exception cref="ClusterMessageException">Too many wait already.</exception>
    public uint Add(PendingRequest request)
    {
        lock (_gate)
        {
            if (_isClosed)
                return 0;
            if (!_free.TryPop(out var index))
            {
                if (_used == MaxPending)
                    throw new ClusterMessageException($"{MaxPending} requests to the other process wait for their answers already. Await some of them first.");
                index = _used++;
                if (index == _entries.Length)
                    Array.Resize(ref _entries, index * 2);
            }
            ref var place = ref _entries[index];
            place.Request = request;
            place.Turn = (place.Turn + 1) & (uint.MaxValue >> IndexBits);
            if (place.Turn == 0)
                place.Turn = 1;
            return (place.Turn << IndexBits) | (uint)index;
        }
    }

    public bool TryTake(uint correlation, out PendingRequest request)
    {
        lock (_gate)
        {
            var index = (int)(correlation & (MaxPending - 1));
            if (index < _used && _entries[index].Turn == correlation >> IndexBits && _entries[index].Request is { } found)
            {
                Free(index);
                request = found;
                return true;
            }
        }
        request = null!;
        return false;
    }

    /// <summary>Takes those whose deadline is over, with their numbers.</summary>
    public List<(uint Correlation, PendingRequest Request)> TakeOverdue(long now) => TakeWhere(request => request.Deadline <= now, close: false);

    /// <summary>Takes all; no more are added.</summary>
    public List<(uint Correlation, PendingRequest Request)> Close() => TakeWhere(static _ => true, close: true);

    private List<(uint Correlation, PendingRequest Request)> TakeWhere(Func<PendingRequest, bool> condition, bool close)
    {
        List<(uint, PendingRequest)> taken = [];
        lock (_gate)
        {
            _isClosed |= close;
            for (var index = 0; index < _used; index++)
            {
                if (_entries[index] is not { Request: { } request } place || !condition(request))
                    continue;
                taken.Add(((place.Turn << IndexBits) | (uint)index, request));
                Free(index);
            }
        }
        return taken;
    }

    private void Free(int index)
    {
        _entries[index].Request = null;
        _free.Push(index);
    }
}
