using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// Connections that outlive their worker: of how many the primary keeps a copy, and what becomes of them when the worker's process is gone. Belongs to the
/// cluster's loop.
/// </summary>
internal sealed class ConnectionFailover(ILogger logger, ClusterMetrics metrics, TimeProvider time, IConnectionCopies copies)
{
    /// <summary>The number of files that the primary needs for other things, whatever the limit is.</summary>
    private const int OtherFiles = 64;

    /// <summary>The number of names of requests that a message has.</summary>
    private const int MaxNames = 10;

    private readonly FailoverDecision _decision = new(copies);
    private readonly HashSet<int> _warned = [];
    private int _kept;

    /// <summary>The requests that are suspected to end workers.</summary>
    public RequestQuarantine Quarantine { get; } = new(logger, metrics, time);

    /// <summary>Gets the number of copies that there are descriptors for: a quarter is left for connections that wait, for workers and the program.</summary>
    private int Room { get; } = (int)Math.Max(0, (copies.OpenFileLimit - OtherFiles) / 4 * 3);

    /// <summary>Of how many connections a copy is kept. May be read on any thread.</summary>
    public int Kept => Volatile.Read(ref _kept);

    /// <summary>Says so, once, where the limit of open files is below what was asked for.</summary>
    public void Check(ClusterOptions options)
    {
        var wanted = options.ConnectionSurvival.MaxConnections;
        if (options.KeepsConnections && wanted > Room && _warned.Add(wanted))
            logger.FewSurvive(wanted, copies.OpenFileLimit, Room);
    }

    /// <summary>Returns whether a copy of one more is kept; then <see cref="Release"/> follows.</summary>
    public bool TryKeep(IConnectionHolder worker)
    {
        if (!worker.Options.KeepsConnections)
            return false;
        if (_kept >= Math.Min(worker.Options.ConnectionSurvival.MaxConnections, Room))
        {
            metrics.NotKept();
            return false;
        }
        _kept++;
        return true;
    }

    /// <summary>A copy is not kept any more.</summary>
    public void Release() => _kept--;

    /// <inheritdoc cref="FailoverDecision.CountSent"/>
    public long? CountSent(in PendingConnection connection) => _decision.CountSent(connection);

    /// <summary>
    /// The worker is gone. If it has crashed, what was running in it is suspect; what was idle is not. A worker that has not served yet says nothing of requests.
    /// </summary>
    public void ReadRunningRequests(IConnectionHolder worker, OfferTable connections)
    {
        var board = worker.Board;
        Quarantine.Remove(board);
        if (worker is not { HasCrashed: true, IsAdmitted: true, Options.ConnectionSurvival: { QuarantineAfter: > 0 } options })
            return;
        Dictionary<long, RunningRequests> running = [];
        foreach (ref readonly var entry in connections.All)
        {
            // Whether it was looked at since it was taken or closed does not matter.
            if (entry is { Candidate: not null, IsKept: true } && board.IsOpen(entry.Number) && board.RequestOf(entry.Number) is { Fingerprint: not 0 and var fingerprint } request
                && _decision.StateOf(entry, board) != ClusterConnectionState.Idle)
            {
                running[fingerprint] = new RunningRequests(request.Name, running.GetValueOrDefault(fingerprint).Count + 1);
            }
        }
        Quarantine.Crashed(worker.Id, options, running);
    }

    /// <summary>
    /// The worker is gone. What was idle another one serves on; who waits for an answer of which nothing was sent is told, or, if the request may be
    /// repeated, gets another try by another worker; the others end here, as without a copy. What the
    /// worker wrote last holds: it says that there is something to do before it takes the first byte of it.
    /// </summary>
    public void Recover(IConnectionHolder worker, OfferTable connections)
    {
        var (idle, replayed, busy, cut) = (0, 0, 0, 0);
        HashSet<string> requests = [];
        for (var index = 0; index < connections.All.Length; index++)
        {
            if (connections.All[index] is not { IsTaken: true, Candidate: not null } entry)
                continue;
            connections.Take(index);
            Release();
            var (port, descriptor) = (entry.Candidate.Port, entry.Connection.Descriptor);
            copies.Reclaim(descriptor);
            var state = _decision.StateOf(entry, worker.Board);
            if (state != ClusterConnectionState.Idle && worker.Board.RequestOf(entry.Number) is { Name: { Length: > 0 } name } request
                && (state == ClusterConnectionState.Responding || request.Fingerprint != 0))
            {
                requests.Add(name);
            }
            switch (state)
            {
                case ClusterConnectionState.Idle:
                    idle++;
                    port.TakeOver(descriptor, entry.Connection.Peer, _decision.IsSecondTry(entry));
                    break;
                case ClusterConnectionState.Repeatable:
                    replayed++;
                    port.TakeOver(descriptor, entry.Connection.Peer, isReplayed: true);
                    break;
                case ClusterConnectionState.Busy:
                    busy++;
                    port.EndWithCrashAnswer(descriptor);
                    break;
                default:
                    cut++;
                    copies.Close(descriptor);
                    break;
            }
        }
        if (idle + replayed + busy + cut == 0)
            return;
        metrics.Survived(idle, replayed, busy, cut);
        logger.ConnectionsOutlived(worker.Id, idle, busy, cut, replayed);
        if (requests.Count > 0)
            logger.RequestsUnderWay(worker.Id, string.Join(", ", requests.Order(StringComparer.Ordinal).Take(MaxNames)), Math.Max(0, requests.Count - MaxNames));
    }
}
