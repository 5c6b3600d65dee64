using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Messaging.Links;
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
    /// <summary>The time for which a worker may leave an offer unanswered while another one has nothing to do. Kept to within a tick of the port table's clock.</summary>
    private static readonly TimeSpan OfferPatience = TimeSpan.FromMilliseconds(100);

    /// <summary>The number of messages that are read before the loop looks at other things again, and how many at the worker's end.</summary>
    private const int ReadBurst = 64, ReadAtEnd = 64 * 1024;

    /// <summary>The number of messages without news that a worker may send at once and in a second. A few are ordinary: the primary reads the board by itself, too.</summary>
    private const int NeedlessBurst = 10_000, NeedlessPerSecond = 1_000;

    private readonly EventLoop _loop;
    private readonly Descriptor _socket;
    private readonly Action<WorkerHandle, string> _fault;
    private readonly Action<WorkerHandle> _exhausted;
    private readonly Returned _returned;
    private readonly ConnectionFailover _failover;
    private readonly ClusterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly List<Candidate> _candidates = [];
    private readonly OfferTable _connections;
    private readonly RateLimit _needless;
    private readonly Lack _lack;
    private long _given;
    private bool _closed;

    /// <param name="worker">The worker.</param>
    /// <param name="loop">The cluster's.</param>
    /// <param name="fault">Told when it says what it cannot mean.</param>
    /// <param name="exhausted">Told when it has no descriptor left for a connection; once for each lack.</param>
    /// <param name="returned">Gets the connections that it gives back.</param>
    /// <param name="failover">Says which copies are kept, and what becomes of them.</param>
    /// <param name="metrics">The metrics of hand-offs.</param>
    /// <param name="time">The clock.</param>
    public HandoffChannel(
        WorkerHandle worker,
        EventLoop loop,
        Action<WorkerHandle, string> fault,
        Action<WorkerHandle> exhausted,
        Returned returned,
        ConnectionFailover failover,
        ClusterMetrics metrics,
        TimeProvider time)
    {
        (Worker, _loop, _fault, _exhausted, _returned) = (worker, loop, fault, exhausted, returned);
        (_failover, _metrics, _time) = (failover, metrics, time);
        _socket = worker.Child.Handoff;
        _lack = new Lack(time);
        _needless = new RateLimit(time, NeedlessBurst, NeedlessPerSecond);
        _connections = new OfferTable(Board.Capacity);
        failover.Check(worker.Options);
        failover.Quarantine.Add(Board); // Before it gets a connection.
        Board.RequestNotice();
        loop.Add(this, _socket.Number, EpollEvents.Readable);
    }

    /// <summary>A connection of this port, with the primary's copy, that the worker has served until now.</summary>
    public delegate void Returned(WorkerHandle worker, int port, int descriptor, in PeerAddress peer);

    public WorkerHandle Worker { get; }

    /// <summary>Gets whether an offer is unanswered: <see cref="RevokeOverdue"/> is to be called every now and then.</summary>
    public bool HasOffers => _connections.HasOffers;

    private PrimaryBoard Board => Worker.Board;

    /// <summary>The worker takes connections of this port from now on.</summary>
    public void AddPort(IOfferOwner port)
    {
        var candidate = new Candidate(this, port);
        _candidates.Add(candidate);
        port.Add(candidate);
    }

    /// <summary>The worker takes no more connections of this port.</summary>
    public void RemovePort(IOfferOwner port)
    {
        if (_candidates.Find(s => s.Port == port) is { } candidate)
            RemovePort(candidate);
    }

    public void RemoveAllPorts()
    {
        foreach (var candidate in _candidates)
            candidate.Port.Remove(candidate);
        _candidates.Clear();
    }

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

    /// <summary>
    /// Gives offers that the worker has not answered for too long to another one, if that has nothing else to answer: the worker is stopped, blocked or busy. It
    /// may still come to the offer, and then finds that it is not its own any more.
    /// </summary>
    public void RevokeOverdue()
    {
        if (_closed || !HasOffers)
            return;
        ReadBoard(); // It tells of the last that it has, and may not come to that.
        List<int>? overdue = null;
        foreach (var index in _connections.Offers)
        {
            ref readonly var offer = ref _connections[index];
            if (offer is { Candidate.Port.HasIdle: true, IsRevoked: false } && _time.GetElapsedTime(offer.MadeAt) >= OfferPatience)
                (overdue ??= []).Add(index);
        }
        if (overdue is null)
            return;
        HashSet<IOfferOwner> ports = [];
        foreach (var index in LastFirst(overdue))
        {
            ref var offer = ref _connections[index];
            if (!Board.TryRevoke(offer.Number))
                continue; // It comes to it just now.
            offer.IsRevoked = true;
            ports.Add(offer.Candidate!.Port);
            offer.Candidate.Port.Revoked(offer.Candidate);
            offer.Candidate.Port.TakeBack(offer.Connection);
            _metrics.Returned(1);
        }
        foreach (var port in ports)
            port.ServeWaiting();
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
        ReadBoard();
        StopWatching();
        HashSet<IOfferOwner> ports = [];
        foreach (var index in LastFirst([.. _connections.Offers]))
        {
            var offer = _connections.Take(index);
            if (offer.IsKept)
                _failover.Release();
            if (offer.IsRevoked)
                continue;
            _metrics.Returned(1);
            ports.Add(offer.Candidate!.Port);
            offer.Candidate.Port.TakeBack(offer.Connection);
        }
        foreach (var port in ports)
            port.ServeWaiting();
        _failover.Recover(Worker, _connections);
    }

    private void ReadAnswers(bool toTheEnd)
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        // As long as an offer is unanswered: then another answer may be there. The loop calls again when more is left.
        for (var left = toTheEnd ? ReadAtEnd : ReadBurst; left > 0 && !_closed; left--)
        {
            var length = HandoffSocket.Receive(_socket, message, out var descriptor, out var isWhole);
            if (length == 0)
                StopWatching();
            if (length <= 0)
                return;
            if (Handle(message[..length], ref descriptor, isWhole) is { } fault)
            {
                StopWatching();
                _fault(Worker, fault);
            }
            if (descriptor >= 0)
                Descriptor.Close(descriptor);
            if (!toTheEnd && !HasOffers)
                return;
        }
    }

    /// <summary>Takes one message of the worker's, and the descriptor if it is one that is wanted. Gives what is wrong with it, or null.</summary>
    private string? Handle(ReadOnlySpan<byte> message, ref int descriptor, bool isWhole)
    {
        if (!isWhole)
            return $"it sent a message of more than {HandoffSocket.MaxMessage} bytes, or with more than one descriptor, over its hand-off socket.";
        if (HandoffCodec.TryReadReturned(message, out var number, out var port, out var peer))
            return Returns(number, port, ref descriptor, peer);
        if (descriptor >= 0)
            return "it sent a descriptor that is no connection for another worker.";
        if (!HandoffCodec.TryReadAnswer(message, out var offer, out var answer))
            return $"it answered an offer in {message.Length} bytes that mean nothing.";
        switch (answer)
        {
            case OfferAnswer.RoomAvailable:
                RoomAvailable();
                return CountNeedless();
            case OfferAnswer.BoardChanged:
                Board.RequestNotice();
                return ReadBoard() ? null : CountNeedless();
            default:
                if (!_connections.TryFind(offer, out var index) || _connections[index].IsTaken)
                    return "it answered an offer that was not made.";
                Refused(_connections.Take(index), answer);
                return null;
        }
    }

    private string? CountNeedless() =>
        _needless.TryTake() ? null : $"it sent more than {NeedlessPerSecond} messages a second that say nothing over its hand-off socket.";

    /// <summary>The worker gives a connection back. The primary's own copy goes on, where there is one: the worker's may be another.</summary>
    private string? Returns(uint number, int port, ref int descriptor, in PeerAddress peer)
    {
        int own;
        if (_connections.TryFind(number, out var index) && _connections[index] is { IsKept: true, IsRevoked: false, Candidate: { } candidate })
        {
            if (!_connections[index].IsTaken)
                Taken(index);
            port = candidate.Port.Id;
            own = _connections.Take(index).Connection.Descriptor;
            _failover.Release();
        }
        else
        {
            ReadBoard(); // What it has taken is counted then.
            if (_given == 0)
                return "it gave back more connections than it was given.";
            (own, descriptor) = (descriptor, -1);
        }
        _given--;
        _returned(Worker, port, own, peer);
        return null;
    }

    /// <summary>Reads the claims and closes since the last time, however many. Returns false when there is none.</summary>
    private bool ReadBoard()
    {
        var any = false;
        for (var i = _connections.Offers.Length - 1; i >= 0; i--)
        {
            // A seat that is free is served at once: what that adds comes behind.
            var index = _connections.Offers[i];
            if (_connections[index].IsRevoked || !Board.IsClaimed(_connections[index].Number))
                continue;
            Taken(index);
            any = true;
        }
        for (var index = Board.TakeClosed(); index >= 0;)
        {
            any = true;
            var closed = index;
            index = Board.NextClosed(index);
            if (closed >= _connections.All.Length || _connections[closed] is not { IsKept: true, IsRevoked: false } entry)
                break; // It writes nonsense.
            if (!entry.IsTaken)
                Taken(closed);
            Forget(entry.Number);
        }
        return any;
    }

    /// <summary>The worker's program has it.</summary>
    private void Taken(int index)
    {
        var entry = _connections[index];
        _given++;
        if (entry.IsKept)
        {
            _connections.Taken(index);
        }
        else
        {
            _connections.Take(index);
            StreamSocket.CloseCopy(entry.Connection.Descriptor);
        }
        if (!entry.Connection.IsMoved)
        {
            _metrics.Dispatched();
            if (_metrics.TimesHandoffs)
                _metrics.HandedOff(entry.Candidate!.Port.TimeSinceAccepted(entry.Connection));
        }
        entry.Candidate!.Port.Answered(entry.Candidate);
    }

    /// <summary>The copy of a connection is not needed any more.</summary>
    private void Forget(uint number)
    {
        if (!_connections.TryFind(number, out var index) || _connections[index] is not { IsKept: true, IsRevoked: false })
            return;
        if (!_connections[index].IsTaken)
            Taken(index);
        StreamSocket.CloseCopy(_connections.Take(index).Connection.Descriptor);
        _failover.Release();
    }

    private void RoomAvailable()
    {
        foreach (var candidate in _candidates)
            candidate.Port.RoomAvailable();
    }

    private void Refused(in OfferTable.Entry offer, OfferAnswer answer)
    {
        var candidate = offer.Candidate!;
        if (offer.IsKept)
            _failover.Release();
        if (offer.IsRevoked)
        {
            candidate.Port.RevokedAnswered(candidate); // It is another's; this one is there again.
            return;
        }
        _metrics.Returned(1);
        candidate.Port.TakeBack(offer.Connection);
        if (answer is OfferAnswer.Declined or OfferAnswer.Exhausted)
        {
            if (answer == OfferAnswer.Exhausted && _lack.Begins())
                _exhausted(Worker);
            Board.RequestRoomNotice();
            candidate.Port.Declined(candidate);
            candidate.Port.ServeWaiting();
            return;
        }
        // A worker refuses what it no longer listens for: it gets no more of this port until it listens again.
        RemovePort(candidate);
        candidate.Port.Answered(candidate);
    }

    private List<int> LastFirst(List<int> indexes) => indexes.OrderByDescending(index => _connections[index].Sequence).ToList();

    private void RemovePort(Candidate candidate)
    {
        candidate.Port.Remove(candidate);
        _candidates.Remove(candidate);
    }

    private void StopWatching()
    {
        if (_closed)
            return;
        _closed = true;
        _loop.Remove(this, _socket.Number);
    }
}
