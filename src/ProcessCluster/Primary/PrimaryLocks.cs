using ProcessCluster.Locks;

namespace ProcessCluster.Primary;

/// <summary>The cluster's locks where they are decided; the primary takes part in them as one process among the others.</summary>
internal sealed class PrimaryLocks
{
    private const int Primary = 0;

    private readonly LockClaims _own;

    /// <param name="grantToWorker">Tells a worker, by its number, that a request of its is granted. Called from any thread; it must not block.</param>
    public PrimaryLocks(Action<int, int> grantToWorker)
    {
        Table = new LockTable(Grant, LockClaims.MaxClaims);
        _own = new LockClaims((request, name) => Table.TryAdd(new LockClaim(Primary, request), name), request => Table.Remove(new LockClaim(Primary, request)));

        void Grant(LockClaim claim)
        {
            if (claim.Owner == Primary)
                _own!.Granted(claim.Request);
            else
                grantToWorker(claim.Owner, claim.Request);
        }
    }

    public LockTable Table { get; }

    public Task<ClusterLock> AcquireAsync(string name, CancellationToken cancellationToken) => _own.AcquireAsync(name, cancellationToken);
}
