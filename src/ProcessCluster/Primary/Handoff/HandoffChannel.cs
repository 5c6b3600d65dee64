using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// The hand-off socket of one worker with the connections offered over it. The primary keeps its own copy of each until the worker
/// has taken it: a refusal, or the worker's end before the answer, sends the connection to another worker. Of those that can outlive the worker
/// (<see cref="ConnectionFailover"/>) it keeps its copy for as long as the worker has them. Belongs to the cluster's loop.
/// </summary>
internal sealed class HandoffChannel : EventLoop.Watch, IOfferSink
{
    /// <summary>The number of messages that are read before the loop looks at other things again, and how many at the worker's end.</summary>
    private const int ReadBurst = 64, ReadAtEnd = 64 * 1024;

    /// <summary>The time by which the end of a worker may come after the end of its socket.</summary>
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly EventLoop _loop;
    private readonly Descriptor _socket;
    private readonly IAnswerObserver _observer;
    private readonly ConnectionFailover _failover;
    private readonly TimeProvider _time;
    private readonly OfferTable _connections;
    private readonly OfferLedger _ledger;
    private readonly WorkerPorts _ports;
    private readonly AnswerReader _answers;
    private long? _endedAt;
    private bool _closed;

    /// <param name="worker">The worker.</param>
    /// <param name="loop">The cluster's.</param>
    /// <param name="observer">Told what the worker says.</param>
    /// <param name="failover">Says which copies are kept, and what becomes of them.</param>
    /// <param name="metrics">The metrics of hand-offs.</param>
    /// <param name="time">The clock.</param>
    public HandoffChannel(
        WorkerHandle worker, EventLoop loop, IAnswerObserver observer, ConnectionFailover failover, ClusterMetrics metrics, TimeProvider time)
    {
        Worker = worker;
        _loop = loop;
        _socket = worker.Child.Handoff;
        _observer = observer;
        _failover = failover;
        _time = time;
        _connections = new OfferTable(Board.Capacity);
        _ledger = new OfferLedger(worker, _connections, failover, metrics, time);
        _ports = new WorkerPorts(this);
        _answers = new AnswerReader(worker, _ports, _connections, _ledger, failover, observer, metrics, time);
        failover.Check(worker.Options);
        failover.Quarantine.Add(Board); // Before it gets a connection.
        Board.RequestNotice();
        loop.Add(this, _socket.Number, EpollEvents.Readable);
    }

    public WorkerHandle Worker { get; }

    /// <summary>Gets whether an offer is unanswered: <see cref="RevokeOverdue"/> is to be called every now and then.</summary>
    public bool HasOffers => _connections.HasOffers;

    private PrimaryBoard Board => Worker.Board;

    /// <summary>The worker takes connections of this port from now on, unless nothing reaches it any more.</summary>
    public void AddPort(IOfferOwner port)
    {
        if (!_closed)
            _ports.Add(port);
    }

    /// <summary>The worker takes no more connections of this port.</summary>
    public void RemovePort(IOfferOwner port) => _ports.Remove(port);

    public void RemoveAllPorts() => _ports.RemoveAll();

    /// <inheritdoc/>
    public bool TryOffer(Candidate candidate, in PendingConnection connection)
    {
        if (_closed || !_connections.TryReserve(out var number))
            return false;
        var isKept = candidate.Port.KeepsConnections && _failover.TryKeep(Worker);
        var kinds = (connection.IsMoved ? OfferKinds.Moved : OfferKinds.None) | (isKept ? OfferKinds.Kept : OfferKinds.None);
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteOffer(message, candidate.Port.Id, number, connection.Skip, kinds, connection.Peer);
        Board.Offer(number);
        var sentBefore = isKept ? _failover.CountSent(connection) : null;
        if (HandoffSocket.Send(_socket, message[..length], connection.Descriptor) != HandoffSend.Sent)
        {
            _connections.Release(number);
            if (isKept)
                _failover.Release();
            return false;
        }
        _connections.Offered(number, candidate, connection, isKept, sentBefore, _time.GetTimestamp());
        return true;
    }

    /// <summary>Sends the worker a socket that it has asked for; false when it takes nothing now. One that is gone needs none.</summary>
    public bool TryDeliver(int port, int request, int descriptor, in PeerAddress address)
    {
        if (_closed)
            return true;
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteSocket(message, request, port, address);
        return HandoffSocket.Send(_socket, message[..length], descriptor) != HandoffSend.Busy;
    }

    public override void OnReady(EpollEvents events) => ReadAnswers(toTheEnd: false);

    /// <inheritdoc cref="OfferLedger.RevokeOverdue"/>
    public void RevokeOverdue()
    {
        if (HasOffers)
            _ledger.RevokeOverdue();
    }

    /// <summary>Reports a worker that has closed its socket and lives on: it gets no connections for good, and nobody else notices.</summary>
    public void CheckEnd()
    {
        if (_endedAt is not { } endedAt || _time.GetElapsedTime(endedAt) < EndPatience)
            return;
        _endedAt = null;
        if (Worker is { IsConnected: true, ExitSeen: false })
            _observer.Fault(Worker, "it has closed its hand-off socket, over which its connections come.");
    }

    /// <inheritdoc/>
    public int CountUnderWay(Candidate candidate)
    {
        var count = candidate.Outstanding;
        foreach (var index in _connections.Offers)
        {
            ref readonly var offer = ref _connections[index];
            if (offer.Candidate == candidate && Board.IsClaimed(offer.Number))
                count--;
        }
        return Math.Max(0, count);
    }

    /// <summary>
    /// The worker's process is gone: what it had not accepted goes to others, in order of arrival, and those that can outlive it go on.
    /// </summary>
    public void Close()
    {
        _failover.ReadRunningRequests(Worker, _connections); // Before anybody else gets one of its connections, or is told.
        RemoveAllPorts();
        ReadAnswers(toTheEnd: true); // What it gave back must not be taken for its own.
        _ledger.ReadBoard();
        StopWatching();
        DiscardMessages();
        _ledger.GiveAwayUntaken();
        _failover.Recover(Worker, _connections);
    }

    private void ReadAnswers(bool toTheEnd)
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        // As long as an offer is unanswered: then another answer may be there. The loop calls again when more is left.
        for (var left = toTheEnd ? ReadAtEnd : ReadBurst; left > 0 && !_closed; left--)
        {
            var length = HandoffSocket.Receive(_socket, message, out var descriptor, out var isWhole);
            if (length < 0)
                return;
            if (length == 0)
            {
                _endedAt = _time.GetTimestamp();
                Cut();
                return;
            }
            if (_answers.Read(message[..length], descriptor, isWhole) is { } fault)
            {
                Cut();
                _observer.Fault(Worker, fault);
            }
            if (!toTheEnd && !HasOffers)
                return;
        }
    }

    /// <summary>Closes what came after a fault: the kernel would do so when the socket is closed, and would wait for a connection that lingers.</summary>
    private void DiscardMessages()
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        for (var left = ReadAtEnd; left > 0 && HandoffSocket.Receive(_socket, message, out var descriptor, out _) > 0; left--)
        {
            if (descriptor >= 0)
                StreamSocket.CloseCopy(descriptor);
        }
    }

    /// <summary>Ends the channel for a worker that may live on: it gets nothing more, and others get what it does not take.</summary>
    private void Cut()
    {
        StopWatching();
        RemoveAllPorts();
    }

    private void StopWatching()
    {
        if (_closed)
            return;
        _closed = true;
        _loop.Remove(this, _socket.Number);
    }
}
