namespace ProcessCluster;

/// <summary>
/// A lock that one process of the cluster holds at a time (<see cref="ICluster.AcquireLockAsync"/>). It is given back by disposing it, or when
/// the process that holds it is gone: not before, so that there are never two holders. All members are thread-safe.
/// </summary>
public sealed class ClusterLock : IAsyncDisposable
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxNameLength = 256;

    private readonly CancellationTokenSource _lost = new();
    private Action? _release;

    internal ClusterLock(string name, Action release) => (Name, _release) = (name, release);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>
    /// Cancelled when the primary is gone, and with it the cluster in which this process held the lock: it has a second to end. Never cancelled
    /// in the primary, and outside a cluster.
    /// </summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Gives the lock back; who has waited longest gets it. Disposing it again does nothing.</summary>
    public ValueTask DisposeAsync()
    {
        Interlocked.Exchange(ref _release, null)?.Invoke();
        return ValueTask.CompletedTask;
    }

    internal void Lose() => _ = _lost.CancelAsync(); // Callbacks are the program's: not on the link's thread.
}
