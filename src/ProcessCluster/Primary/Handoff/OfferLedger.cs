using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// The account of one worker's connections: which offers it has claimed and which connections it has closed, as its board says, and what becomes of the
/// primary's copies. Nothing on the board is trusted. Belongs to the cluster's loop.
/// </summary>
/// <param name="worker">The worker.</param>
/// <param name="connections">The connections that the primary has a copy of.</param>
/// <param name="failover">Counts the copies that are kept.</param>
/// <param name="metrics">The metrics of hand-offs.</param>
/// <param name="time">The clock.</param>
internal sealed class OfferLedger(WorkerHandle worker, OfferTable connections, ConnectionFailover failover, ClusterMetrics metrics, TimeProvider time)
{
    /// <summary>The time for which a worker may leave an offer unanswered while another one has nothing to do. Kept to within a tick of the port table's clock.</summary>
    private static readonly TimeSpan OfferPatience = TimeSpan.FromMilliseconds(100);

    private readonly PrimaryBoard _board = worker.Board;
    private long _returned;

    /// <summary>Gets the number of connections that the worker has taken since its start.</summary>
    public long Taken { get; private set; }

    /// <summary>Reads the claims and closes since the last time, however many. Returns false when there is none.</summary>
    public bool ReadBoard()
    {
        var any = false;
        for (var i = connections.Offers.Length - 1; i >= 0; i--)
        {
            // A place that is free is offered to at once: what that adds comes behind.
            var index = connections.Offers[i];
            if (connections[index].IsRevoked || !_board.IsClaimed(connections[index].Number))
                continue;
            NoteTaken(index);
            any = true;
        }
        for (var index = _board.TakeClosed(); index >= 0;)
        {
            any = true;
            var closed = index;
            index = _board.NextClosed(index);
            if (closed >= connections.All.Length || connections[closed] is not { IsKept: true, IsRevoked: false })
                break; // It writes nonsense.
            Forget(closed);
        }
        return any;
    }

    /// <summary>
    /// Gives offers that the worker has not answered for too long to another one, if that has nothing else to answer: the worker is stopped, blocked or busy. It
    /// may still come to the offer, and then finds that it is not its own any more.
    /// </summary>
    public void RevokeOverdue()
    {
        ReadBoard(); // It tells of the last that it has, and may not come to that.
        List<int>? overdue = null;
        foreach (var index in connections.Offers)
        {
            ref readonly var offer = ref connections[index];
            if (offer is { Candidate.Port.HasIdle: true, IsRevoked: false } && time.GetElapsedTime(offer.MadeAt) >= OfferPatience)
                (overdue ??= []).Add(index);
        }
        if (overdue is null)
            return;
        HashSet<IOfferOwner> ports = [];
        foreach (var index in LastFirst(overdue))
        {
            ref var offer = ref connections[index];
            if (!_board.TryRevoke(offer.Number))
                continue; // It comes to it just now.
            offer.IsRevoked = true;
            offer.Candidate!.Port.Revoked(offer.Candidate);
            TakeBack(offer, ports);
        }
        ServeWaiting(ports);
    }

    /// <summary>Gives what the worker has not taken to others, in order of arrival: its process is gone.</summary>
    public void GiveAwayUntaken()
    {
        HashSet<IOfferOwner> ports = [];
        foreach (var index in LastFirst([.. connections.Offers]))
        {
            var offer = connections.Take(index);
            if (offer.IsKept)
                failover.Release();
            if (!offer.IsRevoked)
                TakeBack(offer, ports);
        }
        ServeWaiting(ports);
    }

    /// <summary>Takes the primary's own copy of a connection that the worker gives back. Returns false when there is none under this number.</summary>
    /// <param name="number">The connection's number, as the worker says.</param>
    /// <param name="entry">The entry that it had.</param>
    public bool TryTakeKept(uint number, out OfferTable.Entry entry)
    {
        if (!connections.TryFind(number, out var index) || connections[index] is not { IsKept: true, IsRevoked: false })
        {
            entry = default;
            return false;
        }
        if (!connections[index].IsTaken)
            NoteTaken(index);
        entry = connections.Take(index);
        failover.Release();
        return true;
    }

    /// <summary>Counts a connection that the worker gives back. Returns false when it was given none that it could give.</summary>
    public bool TryCountReturned()
    {
        if (_returned >= Taken)
            return false;
        _returned++;
        return true;
    }

    /// <summary>The worker's program has it.</summary>
    private void NoteTaken(int index)
    {
        var entry = connections[index];
        Taken++;
        if (entry.IsKept)
        {
            connections.Taken(index);
        }
        else
        {
            connections.Take(index);
            StreamSocket.CloseCopy(entry.Connection.Descriptor);
        }
        if (!entry.Connection.IsMoved)
        {
            metrics.Dispatched();
            if (metrics.TimesHandoffs)
                metrics.HandedOff(entry.Candidate!.Port.TimeSinceAccepted(entry.Connection));
        }
        entry.Candidate!.Port.Answered(entry.Candidate);
    }

    /// <summary>Closes the primary's copy of a connection that the worker has closed.</summary>
    private void Forget(int index)
    {
        if (!connections[index].IsTaken)
            NoteTaken(index);
        StreamSocket.CloseCopy(connections.Take(index).Connection.Descriptor);
        failover.Release();
    }

    private void TakeBack(in OfferTable.Entry offer, HashSet<IOfferOwner> ports)
    {
        var port = offer.Candidate!.Port;
        metrics.Returned(1);
        port.TakeBack(offer.Connection);
        ports.Add(port);
    }

    private List<int> LastFirst(List<int> indexes) => indexes.OrderByDescending(index => connections[index].Sequence).ToList();

    private static void ServeWaiting(HashSet<IOfferOwner> ports)
    {
        foreach (var port in ports)
            port.ServeWaiting();
    }
}
