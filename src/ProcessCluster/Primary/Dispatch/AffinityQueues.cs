using System.Diagnostics.CodeAnalysis;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// The connections of a port that wait for a certain worker, because the policy has chosen it: a line for each worker. Belongs to the cluster's loop.
/// </summary>
internal sealed class AffinityQueues
{
    private readonly List<Candidate> _candidates = [];
    private int _count;

    /// <summary>Gets the number of connections that wait. May be read on any thread.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The workers that connections wait for.</summary>
    public IReadOnlyList<Candidate> Candidates => _candidates;

    public void Add(Candidate candidate, in PendingConnection connection)
    {
        candidate.Queue.PushBack(connection);
        if (!_candidates.Contains(candidate))
            _candidates.Add(candidate);
        Changed();
    }

    /// <summary>The first connection of a worker's line has left it.</summary>
    public void Pop(Candidate candidate)
    {
        candidate.Queue.Pop();
        Changed();
    }

    /// <summary>Takes the next connection whose time is over.</summary>
    public bool TryPopOverdue(long now, [MaybeNullWhen(false)] out PendingConnection connection)
    {
        foreach (var candidate in _candidates)
        {
            if (!candidate.Queue.TryPopOverdue(now, out connection))
                continue;
            Changed();
            return true;
        }
        connection = default;
        return false;
    }

    /// <summary>Nobody waits for the worker any more: they wait for any, before those that came later.</summary>
    public void Dissolve(Candidate candidate, ConnectionQueue into)
    {
        while (candidate.HasQueue)
            into.PushFront(candidate.Queue.PopBack());
        Changed();
    }

    /// <summary>Closes all of them.</summary>
    public void Close()
    {
        foreach (var candidate in _candidates)
            candidate.Queue.Close();
        Changed();
    }

    private void Changed()
    {
        _candidates.RemoveAll(static candidate => !candidate.HasQueue);
        Volatile.Write(ref _count, _candidates.Sum(static candidate => candidate.Queue.Count));
    }
}
