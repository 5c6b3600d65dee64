using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>Told what a worker says about connections. On the cluster's loop.</summary>
internal interface IAnswerObserver
{
    /// <summary>Called when the worker says what it cannot mean.</summary>
    void Fault(WorkerHandle worker, string fault);

    /// <summary>Called when the worker has no descriptor left for a connection, once for each lack.</summary>
    void Exhausted(WorkerHandle worker);

    /// <summary>Gets a connection of this port, with the primary's copy, that the worker has served until now. The copy is -1 when the primary had no descriptor left.</summary>
    void Returned(WorkerHandle worker, int port, int descriptor, in PeerAddress peer);
}

/// <summary>
/// Reads what a worker says over its hand-off socket: refused offers, connections that it gives back, and that its board has changed. Nothing of it is trusted: what it
/// cannot mean is its fault, in words. Belongs to the cluster's loop.
/// </summary>
/// <param name="worker">The worker.</param>
/// <param name="ports">The ports whose connections are offered to it.</param>
/// <param name="connections">The connections that the primary has a copy of.</param>
/// <param name="ledger">The account of these.</param>
/// <param name="failover">Counts the copies that are kept.</param>
/// <param name="observer">Told what else follows.</param>
/// <param name="metrics">The metrics of hand-offs.</param>
/// <param name="time">The clock.</param>
internal sealed class AnswerReader(
    WorkerHandle worker,
    WorkerPorts ports,
    OfferTable connections,
    OfferLedger ledger,
    ConnectionFailover failover,
    IAnswerObserver observer,
    ClusterMetrics metrics,
    TimeProvider time)
{
    /// <summary>The number of messages without news that a worker may send at once and in a second. A few are ordinary: the primary reads the board by itself, too.</summary>
    private const int NeedlessBurst = 10_000, NeedlessPerSecond = 1_000;

    private const string TooManyReturned = "it gave back more connections than it was given.";

    private readonly RateLimit _needless = new(time, NeedlessBurst, NeedlessPerSecond);
    private readonly Lack _lack = new(time);
    private long _roomsTold;

    /// <summary>Takes one message, and the descriptor that came with it, or closes it.</summary>
    /// <param name="message">The message.</param>
    /// <param name="descriptor">The descriptor; -1 for none.</param>
    /// <param name="isWhole">False when the worker sent more than that.</param>
    /// <returns>The fault that the worker is to blame for, or null.</returns>
    public string? Read(ReadOnlySpan<byte> message, int descriptor, bool isWhole)
    {
        var fault = Read(message, ref descriptor, isWhole);
        if (descriptor >= 0)
            StreamSocket.CloseCopy(descriptor); // It may linger.
        return fault;
    }

    private string? Read(ReadOnlySpan<byte> message, ref int descriptor, bool isWhole)
    {
        if (!isWhole)
            return $"it sent a message of more than {HandoffSocket.MaxMessage} bytes, or with more than one descriptor, over its hand-off socket.";
        if (HandoffCodec.TryReadReturned(message, out var number, out var port, out var peer))
            return Return(number, port, ref descriptor, peer);
        if (descriptor >= 0)
            return "it sent a descriptor that is no connection for another worker.";
        if (!HandoffCodec.TryReadAnswer(message, out var offer, out var answer))
            return $"it answered an offer in {message.Length} bytes that mean nothing.";
        switch (answer)
        {
            case OfferAnswer.RoomAvailable:
                ports.TellRoom();
                return IsAboutOneTaken() ? null : CountNeedless();
            case OfferAnswer.BoardChanged:
                worker.Board.RequestNotice();
                return ledger.ReadBoard() ? null : CountNeedless();
            default:
                if (!connections.TryFind(offer, out var index) || connections[index].IsTaken)
                    return "it answered an offer that was not made.";
                Refuse(connections.Take(index), answer);
                return null;
        }
    }

    /// <summary>
    /// A worker with a limit of connections may say that it has room after each connection that it closes, so no more often than it takes one. Those of long ago count no more.
    /// </summary>
    private bool IsAboutOneTaken()
    {
        _roomsTold = Math.Max(_roomsTold, ledger.Taken - NeedlessBurst);
        if (_roomsTold >= ledger.Taken)
            return false;
        _roomsTold++;
        return true;
    }

    private string? CountNeedless() =>
        _needless.TryTake() ? null : $"it sent more than {NeedlessPerSecond} messages a second that say nothing over its hand-off socket.";

    /// <summary>The worker gives a connection back. The primary's own copy goes on with the peer that it has, where there is one: the worker's may be another.</summary>
    private string? Return(uint number, int port, ref int descriptor, in PeerAddress peer)
    {
        if (ledger.TryTakeKept(number, out var kept))
        {
            var isCounted = ledger.TryCountReturned();
            observer.Returned(worker, kept.Candidate!.Port.Id, kept.Connection.Descriptor, kept.Connection.Peer);
            return isCounted ? null : TooManyReturned;
        }
        ledger.ReadBoard(); // What it has taken is counted then.
        if (!ledger.TryCountReturned())
            return TooManyReturned;
        var own = descriptor;
        descriptor = -1;
        observer.Returned(worker, port, own, peer);
        return null;
    }

    private void Refuse(in OfferTable.Entry offer, OfferAnswer answer)
    {
        var candidate = offer.Candidate!;
        if (offer.IsKept)
            failover.Release();
        if (offer.IsRevoked)
        {
            candidate.Port.RevokedAnswered(candidate); // It is another's; this one is there again.
            return;
        }
        metrics.Returned(1);
        candidate.Port.TakeBack(offer.Connection);
        if (answer is OfferAnswer.Declined or OfferAnswer.Exhausted)
        {
            if (answer == OfferAnswer.Exhausted && _lack.Begins())
                observer.Exhausted(worker);
            worker.Board.RequestRoomNotice();
            candidate.Port.Declined(candidate);
            candidate.Port.ServeWaiting();
            return;
        }
        // A worker refuses what it no longer listens for: it gets no more of this port until it listens again.
        ports.Remove(candidate);
        candidate.Port.Answered(candidate);
    }
}
