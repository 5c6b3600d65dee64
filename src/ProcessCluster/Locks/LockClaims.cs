namespace ProcessCluster.Locks;

/// <summary>The locks that this process holds or waits for. Who gets them is decided by the primary's table.</summary>
/// <param name="ask">Asks for a lock under a number; false when there is nobody to ask.</param>
/// <param name="release">Gives back what was asked for under a number, granted or not.</param>
internal sealed class LockClaims(Func<int, string, bool> ask, Action<int> release)
{
    /// <summary>The number of locks that one process may hold and wait for.</summary>
    public const int MaxClaims = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, Claim> _claims = [];
    private int _lastRequest;
    private string? _closed;
    private Action? _whenFree;

    private sealed class Claim
    {
        public TaskCompletionSource<ClusterLock> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public required ClusterLock Lock { get; init; }
    }

    public async Task<ClusterLock> AcquireAsync(string name, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Length > ClusterLock.MaxNameLength)
            throw new ArgumentException($"The name of a lock has at most {ClusterLock.MaxNameLength} characters; this one has {name.Length}.", nameof(name));
        cancellationToken.ThrowIfCancellationRequested();

        var request = Interlocked.Increment(ref _lastRequest);
        var claim = new Claim { Lock = new ClusterLock(name, () => Release(request)) };
        lock (_gate)
        {
            if (_closed is not null)
                throw new ClusterException($"The lock '{name}' cannot be had: {_closed}");
            if (_claims.Count >= MaxClaims)
            {
                throw new ClusterException(
                    $"The lock '{name}' was not asked for: this process holds or waits for {MaxClaims} locks. Give some back, by disposing them.");
            }
            _claims.Add(request, claim);
        }
        try
        {
            if (!ask(request, name))
                throw new ClusterException($"The lock '{name}' cannot be had: the primary is gone.");
            return await claim.Answer.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Release(request); // It may have been granted, or only now have been asked for, at this very moment.
            throw;
        }
    }

    /// <summary>The lock is this process's. A request that was given up meanwhile is given back by then.</summary>
    public void Granted(int request)
    {
        lock (_gate)
        {
            if (_claims.TryGetValue(request, out var claim))
                claim.Answer.TrySetResult(claim.Lock);
        }
    }

    /// <summary>Asks for no more locks, and runs the action when none is held any more: only as long can one be given back.</summary>
    public void Close(string reason, Action whenFree)
    {
        List<int> waiting;
        lock (_gate)
        {
            _closed ??= reason;
            _whenFree = whenFree;
            waiting = [.. _claims.Where(static c => !c.Value.Answer.Task.IsCompleted).Select(static c => c.Key)];
            foreach (var request in waiting)
                _claims[request].Answer.TrySetException(Unavailable(_claims[request], reason));
        }
        waiting.ForEach(Release);
        RunIfFree();
    }

    /// <summary>The primary is gone: nobody is left who could grant a lock, or take one back.</summary>
    public void Lose(string reason)
    {
        lock (_gate)
        {
            _closed ??= reason;
            _whenFree = null;
            foreach (var claim in _claims.Values)
            {
                if (!claim.Answer.TrySetException(Unavailable(claim, reason)))
                    claim.Lock.Lose();
            }
            _claims.Clear();
        }
    }

    private void Release(int request)
    {
        lock (_gate)
            _claims.Remove(request);
        release(request);
        RunIfFree();
    }

    private void RunIfFree()
    {
        Action? run;
        lock (_gate)
        {
            if (_claims.Count > 0)
                return;
            run = _whenFree;
            _whenFree = null;
        }
        run?.Invoke();
    }

    private static ClusterException Unavailable(Claim claim, string reason) => new($"The lock '{claim.Lock.Name}' cannot be had: {reason}");
}
