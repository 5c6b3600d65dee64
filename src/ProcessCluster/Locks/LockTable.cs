namespace ProcessCluster.Locks;

/// <summary>A lock that a process has asked for.</summary>
/// <param name="Owner">The process: a worker's number, 0 for the primary.</param>
/// <param name="Request">The process's number for it.</param>
internal readonly record struct LockClaim(int Owner, int Request);

/// <summary>
/// The holders of locks, and those that wait, in the order of asking. A worker has a lock until it gives it back or its process is gone:
/// one that drains or has closed its link may still act as the holder. Thread-safe.
/// </summary>
/// <param name="grant">Told of each claim that is granted, while the table is locked: it must not block.</param>
/// <param name="limit">The number of claims that one process may have.</param>
internal sealed class LockTable(Action<LockClaim> grant, int limit)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedList<LockClaim>> _lines = new(StringComparer.Ordinal); // The first of each is the holder.
    private readonly Dictionary<LockClaim, (string Name, LinkedListNode<LockClaim> Node)> _claims = [];
    private readonly Dictionary<int, HashSet<int>> _owners = [];

    /// <summary>The number of names that are held.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _lines.Count;
        }
    }

    /// <summary>Grants the lock at once if it is free, else when it is the claim's turn. False when the process has too many, or this one already.</summary>
    public bool TryAdd(LockClaim claim, string name)
    {
        lock (_gate)
        {
            if (!_owners.TryGetValue(claim.Owner, out var requests))
                _owners[claim.Owner] = requests = [];
            if (requests.Count >= limit || !requests.Add(claim.Request))
                return false;
            if (!_lines.TryGetValue(name, out var line))
                _lines[name] = line = new LinkedList<LockClaim>();
            _claims[claim] = (name, line.AddLast(claim));
            if (line.Count == 1)
                grant(claim);
            return true;
        }
    }

    /// <summary>Gives a lock back, or the place in its line up. What is not there any more is no error.</summary>
    public void Remove(LockClaim claim)
    {
        lock (_gate)
        {
            if (!_claims.Remove(claim, out var place))
                return;
            var requests = _owners[claim.Owner];
            requests.Remove(claim.Request);
            if (requests.Count == 0)
                _owners.Remove(claim.Owner);
            var line = place.Node.List!;
            var wasHeld = line.First == place.Node;
            line.Remove(place.Node);
            if (line.First is null)
                _lines.Remove(place.Name);
            else if (wasHeld)
                grant(line.First.Value);
        }
    }

    /// <summary>The process cannot be told any more: what it waits for goes to others, what it holds stays its own.</summary>
    public void RemoveWaiting(int owner) => Remove(owner, held: false);

    /// <summary>The process is gone.</summary>
    public void RemoveAll(int owner) => Remove(owner, held: true);

    private void Remove(int owner, bool held)
    {
        lock (_gate)
        {
            if (!_owners.TryGetValue(owner, out var requests))
                return;
            foreach (var request in requests.ToArray())
            {
                var claim = new LockClaim(owner, request);
                if (held || _claims[claim].Node.Previous is not null)
                    Remove(claim);
            }
        }
    }
}
