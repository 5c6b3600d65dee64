using ProcessCluster.Diagnostics;
using ProcessCluster.Ipc;
using ProcessCluster.Platform;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Wire;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// The hand-off socket of one worker with the connections offered over it. The primary keeps its own copy of each until the worker
/// has taken it: a refusal, or the worker's end before the answer, sends the connection to another worker. Of those that can outlive the worker
/// (<see cref="Survival"/>) it keeps its copy for as long as the worker has them. Belongs to the cluster's loop.
/// </summary>
internal sealed class WorkerChannel : EventLoop.Watch, IOfferSink
{
    /// <summary>How long a worker may leave an offer unanswered while another one has nothing to do. Kept to within a tick of the port table's clock.</summary>
    private static readonly TimeSpan OfferPatience = TimeSpan.FromMilliseconds(100);

    /// <summary>How many messages are read before the loop looks at other things again, and how many at the worker's end.</summary>
    private const int ReadBurst = 64, ReadAtEnd = 64 * 1024;

    /// <summary>How many messages that say nothing new a worker may send at once and in a second. A few are ordinary: the primary looks by itself, too.</summary>
    private const int NeedlessBurst = 10_000, NeedlessPerSecond = 1_000;

    private readonly EventLoop _loop;
    private readonly Descriptor _socket;
    private readonly Action<PrimaryWorker, string> _fault;
    private readonly Action<PrimaryWorker> _exhausted;
    private readonly Returned _returned;
    private readonly Survival _survival;
    private readonly ClusterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly List<Seat> _seats = [];
    private readonly WorkerConnections _connections;
    private readonly RateLimit _needless;
    private readonly Lack _lack;
    private long _given;
    private bool _closed;

    /// <param name="worker">Whose.</param>
    /// <param name="loop">The cluster's.</param>
    /// <param name="fault">Told when it says what it cannot mean.</param>
    /// <param name="exhausted">Told when it has no descriptor left for a connection; once for each lack.</param>
    /// <param name="returned">Gets the connections that it gives back.</param>
    /// <param name="survival">Says which copies are kept, and what becomes of them.</param>
    /// <param name="metrics">Where it is counted.</param>
    /// <param name="time">The clock.</param>
    public WorkerChannel(
        PrimaryWorker worker,
        EventLoop loop,
        Action<PrimaryWorker, string> fault,
        Action<PrimaryWorker> exhausted,
        Returned returned,
        Survival survival,
        ClusterMetrics metrics,
        TimeProvider time)
    {
        (Worker, _loop, _fault, _exhausted, _returned) = (worker, loop, fault, exhausted, returned);
        (_survival, _metrics, _time) = (survival, metrics, time);
        _socket = worker.Child.Handoff;
        _lack = new Lack(time);
        _needless = new RateLimit(time, NeedlessBurst, NeedlessPerSecond);
        _connections = new WorkerConnections(Board.Capacity);
        survival.Check(worker.Options);
        survival.Quarantine.Add(Board); // Before it gets a connection.
        Board.RequestNotice();
        loop.Add(this, _socket.Number, EpollEvents.Readable);
    }

    /// <summary>A connection of this port, with the primary's copy, that the worker has served until now.</summary>
    public delegate void Returned(PrimaryWorker worker, int port, int descriptor, in PeerAddress peer);

    public PrimaryWorker Worker { get; }

    /// <summary>Whether something is unanswered: <see cref="RevokeOverdue"/> is to be called every now and then.</summary>
    public bool HasOffers => _connections.HasOffers;

    private PrimaryBoard Board => Worker.Board;

    /// <summary>The worker takes connections of this port from now on.</summary>
    public void Sit(IOfferOwner port)
    {
        var seat = new Seat(this, port);
        _seats.Add(seat);
        port.Add(seat);
    }

    /// <summary>The worker takes no more connections of this port.</summary>
    public void Leave(IOfferOwner port)
    {
        if (_seats.Find(s => s.Port == port) is { } seat)
            Leave(seat);
    }

    public void LeaveAll()
    {
        foreach (var seat in _seats)
            seat.Port.Remove(seat);
        _seats.Clear();
    }

    /// <inheritdoc/>
    public bool TryOffer(Seat seat, in PendingConnection connection)
    {
        if (_closed || !_connections.TryReserve(out var number))
            return false;
        var isKept = seat.Port.KeepsConnections && _survival.TryKeep(Worker);
        var kinds = (connection.IsMoved ? OfferKinds.Moved : OfferKinds.None) | (isKept ? OfferKinds.Kept : OfferKinds.None);
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = Handoff.WriteOffer(message, seat.Port.Id, number, connection.Skip, kinds, connection.Peer);
        Board.Offer(number);
        var sentBefore = isKept ? Survival.CountSent(connection) : null;
        if (HandoffSocket.Send(_socket, message[..length], connection.Descriptor) != HandoffSend.Sent)
        {
            _connections.Release(number);
            if (isKept)
                _survival.Let();
            return false;
        }
        _connections.Offered(number, seat, connection, isKept, sentBefore, _time.GetTimestamp());
        return true;
    }

    /// <summary>Sends the worker a socket that it has asked for; false when it takes nothing now. One that is gone needs none.</summary>
    public bool TryDeliver(int port, int request, int descriptor, in PeerAddress address)
    {
        if (_closed)
            return true;
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = Handoff.WriteSocket(message, request, port, address);
        return HandoffSocket.Send(_socket, message[..length], descriptor) != HandoffSend.Busy;
    }

    public override void OnReady(EpollEvents events) => ReadAnswers(toTheEnd: false);

    /// <summary>
    /// What the worker did not answer for so long goes to another one, if that has nothing else to answer: the worker is stopped, blocked or busy. It
    /// may still come to the offer, and then finds that it is not its own any more.
    /// </summary>
    public void RevokeOverdue()
    {
        if (_closed || !HasOffers)
            return;
        Look(); // It tells of the last that it has, and may not come to that.
        List<int>? overdue = null;
        foreach (var slot in _connections.Offers)
        {
            ref readonly var offer = ref _connections[slot];
            if (offer is { Seat.Port.HasIdle: true, IsRevoked: false } && _time.GetElapsedTime(offer.MadeAt) >= OfferPatience)
                (overdue ??= []).Add(slot);
        }
        if (overdue is null)
            return;
        HashSet<IOfferOwner> ports = [];
        foreach (var slot in LastFirst(overdue))
        {
            ref var offer = ref _connections[slot];
            if (!Board.TryRevoke(offer.Number))
                continue; // It comes to it just now.
            offer.IsRevoked = true;
            ports.Add(offer.Seat!.Port);
            offer.Seat.Port.Revoked(offer.Seat);
            offer.Seat.Port.TakeBack(offer.Connection);
            _metrics.Returned(1);
        }
        foreach (var port in ports)
            port.ServeWaiting();
    }

    /// <inheritdoc/>
    public int CountUnderWay(Seat seat)
    {
        var count = seat.Outstanding;
        foreach (var slot in _connections.Offers)
        {
            ref readonly var offer = ref _connections[slot];
            if (offer.Seat == seat && Board.IsClaimed(offer.Number))
                count--;
        }
        return Math.Max(0, count);
    }

    /// <summary>
    /// The worker's process is gone: what it had not accepted goes to others, in order of arrival, and those that can outlive it go on.
    /// </summary>
    public void Close()
    {
        _survival.LookAtRunning(Worker, _connections); // Before anybody else gets one of its connections, or is told.
        LeaveAll();
        ReadAnswers(toTheEnd: true); // What it gave back must not be taken for its own.
        Look();
        StopWatching();
        HashSet<IOfferOwner> ports = [];
        foreach (var slot in LastFirst([.. _connections.Offers]))
        {
            var offer = _connections.Take(slot);
            if (offer.IsKept)
                _survival.Let();
            if (offer.IsRevoked)
                continue;
            _metrics.Returned(1);
            ports.Add(offer.Seat!.Port);
            offer.Seat.Port.TakeBack(offer.Connection);
        }
        foreach (var port in ports)
            port.ServeWaiting();
        _survival.GoOn(Worker, _connections);
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
        if (Handoff.TryReadReturned(message, out var number, out var port, out var peer))
            return Returns(number, port, ref descriptor, peer);
        if (descriptor >= 0)
            return "it sent a descriptor that is no connection for another worker.";
        if (!Handoff.TryReadAnswer(message, out var offer, out var answer))
            return $"it answered an offer in {message.Length} bytes that mean nothing.";
        switch (answer)
        {
            case OfferAnswer.RoomCame:
                RoomCame();
                return CountNeedless();
            case OfferAnswer.Look:
                Board.RequestNotice();
                return Look() ? null : CountNeedless();
            default:
                if (!_connections.TryFind(offer, out var slot) || _connections[slot].IsTaken)
                    return "it answered an offer that was not made.";
                Refused(_connections.Take(slot), answer);
                return null;
        }
    }

    private string? CountNeedless() =>
        _needless.TryTake() ? null : $"it sent more than {NeedlessPerSecond} messages a second that say nothing over its hand-off socket.";

    /// <summary>The worker gives a connection back. The primary's own copy goes on, where there is one: the worker's may be another.</summary>
    private string? Returns(uint number, int port, ref int descriptor, in PeerAddress peer)
    {
        int own;
        if (_connections.TryFind(number, out var slot) && _connections[slot] is { IsKept: true, IsRevoked: false, Seat: { } seat })
        {
            if (!_connections[slot].IsTaken)
                Taken(slot);
            port = seat.Port.Id;
            own = _connections.Take(slot).Connection.Descriptor;
            _survival.Let();
        }
        else
        {
            Look(); // What it has taken is counted then.
            if (_given == 0)
                return "it gave back more connections than it was given.";
            (own, descriptor) = (descriptor, -1);
        }
        _given--;
        _returned(Worker, port, own, peer);
        return null;
    }

    /// <summary>What the worker has taken and closed since the last look, however many: it tells of the first. False when there is nothing.</summary>
    private bool Look()
    {
        var any = false;
        for (var i = _connections.Offers.Length - 1; i >= 0; i--)
        {
            // A seat that is free is served at once: what that adds comes behind.
            var slot = _connections.Offers[i];
            if (_connections[slot].IsRevoked || !Board.IsClaimed(_connections[slot].Number))
                continue;
            Taken(slot);
            any = true;
        }
        for (var slot = Board.TakeClosed(); slot >= 0;)
        {
            any = true;
            var closed = slot;
            slot = Board.NextClosed(slot);
            if (closed >= _connections.All.Length || _connections[closed] is not { IsKept: true, IsRevoked: false } entry)
                break; // It writes nonsense.
            if (!entry.IsTaken)
                Taken(closed);
            Forget(entry.Number);
        }
        return any;
    }

    /// <summary>The worker's program has it.</summary>
    private void Taken(int slot)
    {
        var entry = _connections[slot];
        _given++;
        if (entry.IsKept)
        {
            _connections.Taken(slot);
        }
        else
        {
            _connections.Take(slot);
            StreamSocket.CloseCopy(entry.Connection.Descriptor);
        }
        if (!entry.Connection.IsMoved)
        {
            _metrics.Dispatched();
            if (_metrics.TimesHandoffs)
                _metrics.HandedOff(entry.Seat!.Port.TimeSinceAccepted(entry.Connection));
        }
        entry.Seat!.Port.Answered(entry.Seat);
    }

    /// <summary>The copy of a connection is not needed any more.</summary>
    private void Forget(uint number)
    {
        if (!_connections.TryFind(number, out var slot) || _connections[slot] is not { IsKept: true, IsRevoked: false })
            return;
        if (!_connections[slot].IsTaken)
            Taken(slot);
        StreamSocket.CloseCopy(_connections.Take(slot).Connection.Descriptor);
        _survival.Let();
    }

    private void RoomCame()
    {
        foreach (var seat in _seats)
            seat.Port.RoomCame();
    }

    private void Refused(in WorkerConnections.Entry offer, OfferAnswer answer)
    {
        var seat = offer.Seat!;
        if (offer.IsKept)
            _survival.Let();
        if (offer.IsRevoked)
        {
            seat.Port.RevokedAnswered(seat); // It is another's; this one is there again.
            return;
        }
        _metrics.Returned(1);
        seat.Port.TakeBack(offer.Connection);
        if (answer is OfferAnswer.Declined or OfferAnswer.Exhausted)
        {
            if (answer == OfferAnswer.Exhausted && _lack.Begins())
                _exhausted(Worker);
            Board.RequestRoomNotice();
            seat.Port.Declined(seat);
            seat.Port.ServeWaiting();
            return;
        }
        // A worker refuses what it no longer listens for: it gets no more of this port until it listens again.
        Leave(seat);
        seat.Port.Answered(seat);
    }

    private List<int> LastFirst(List<int> slots) => slots.OrderByDescending(slot => _connections[slot].Sequence).ToList();

    private void Leave(Seat seat)
    {
        seat.Port.Remove(seat);
        _seats.Remove(seat);
    }

    private void StopWatching()
    {
        if (_closed)
            return;
        _closed = true;
        _loop.Remove(this, _socket.Number);
    }
}
