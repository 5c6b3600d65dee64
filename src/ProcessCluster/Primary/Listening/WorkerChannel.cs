using ProcessCluster.Diagnostics;
using ProcessCluster.Platform;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Wire;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// The hand-off socket of one worker with the connections offered over it. The primary keeps its own copy of each until the worker
/// says that it has taken it: a refusal, or the worker's end before the answer, sends the connection to another worker. Belongs to
/// the cluster's loop.
/// </summary>
internal sealed class WorkerChannel : EventLoop.Watch
{
    private readonly EventLoop _loop;
    private readonly Descriptor _socket;
    private readonly Action<PrimaryWorker, string> _fault;
    private readonly Returned _returned;
    private readonly ClusterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly List<Seat> _seats = [];
    private readonly Stack<int> _freeSlots = new();
    private Offer[] _offers = new Offer[Seat.MaxOffers];
    private int _usedSlots;
    private uint _sequence;
    private bool _closed;

    /// <param name="worker">Whose.</param>
    /// <param name="loop">The cluster's.</param>
    /// <param name="fault">Told when it says what it cannot mean.</param>
    /// <param name="returned">Gets the connections that it gives back.</param>
    /// <param name="metrics">Where it is counted.</param>
    /// <param name="time">The clock.</param>
    public WorkerChannel(
        PrimaryWorker worker, EventLoop loop, Action<PrimaryWorker, string> fault, Returned returned, ClusterMetrics metrics, TimeProvider time)
    {
        (Worker, _loop, _fault, _returned, _metrics, _time) = (worker, loop, fault, returned, metrics, time);
        _socket = worker.Child.Handoff;
        Page.WantClaims();
        loop.Add(this, _socket.Number, Libc.EPOLLIN);
    }

    /// <summary>A connection of this port, with the primary's copy, that the worker has served until now.</summary>
    public delegate void Returned(PrimaryWorker worker, int port, int descriptor, in PeerAddress peer);

    public PrimaryWorker Worker { get; }

    /// <summary>Whether something is unanswered: <see cref="RevokeOverdue"/> is to be called every now and then.</summary>
    public bool HasOffers => _freeSlots.Count < _usedSlots;

    private SharedPage Page => Worker.Child.Page;

    private struct Offer
    {
        public Seat? Seat;
        public PendingConnection Connection;
        public uint Sequence;
        public long MadeAt;
        public bool IsRevoked;
    }

    /// <summary>The worker takes connections of this port from now on.</summary>
    public void Sit(SharedPort port)
    {
        var seat = new Seat(this, port);
        _seats.Add(seat);
        port.Add(seat);
    }

    /// <summary>The worker takes no more connections of this port.</summary>
    public void Leave(SharedPort port)
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

    /// <summary>Sends the connection to the worker; false when its socket takes nothing now. The primary's copy stays open.</summary>
    public bool TryOffer(Seat seat, in PendingConnection connection)
    {
        if (_closed)
            return false;
        if (!_freeSlots.TryPop(out var slot))
        {
            slot = _usedSlots++;
            if (slot == _offers.Length)
                Array.Resize(ref _offers, slot * 2);
        }
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = Handoff.WriteOffer(message, seat.Port.Id, (uint)slot, (ushort)(connection.Skip | (connection.IsMoved ? Handoff.Moved : 0)), connection.Peer);
        Page.Offer((uint)slot);
        if (HandoffSocket.Send(_socket, message[..length], connection.Descriptor) != HandoffSend.Sent)
        {
            _freeSlots.Push(slot);
            return false;
        }
        _offers[slot] = new Offer { Seat = seat, Connection = connection, Sequence = _sequence++, MadeAt = _time.GetTimestamp() };
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

    public override void OnReady(uint events) => ReadAnswers(toTheEnd: false);

    /// <summary>
    /// What the worker did not answer for so long goes to another one, if that has nothing else to answer: the worker is stopped, blocked or busy. It
    /// may still come to the offer, and then finds that it is not its own any more.
    /// </summary>
    public void RevokeOverdue(TimeSpan patience)
    {
        if (_closed || !HasOffers)
            return;
        List<(int Slot, uint Sequence)>? overdue = null;
        for (var slot = 0; slot < _usedSlots; slot++)
        {
            ref readonly var offer = ref _offers[slot];
            if (offer.Seat is { Port.HasIdle: true } && !offer.IsRevoked && _time.GetElapsedTime(offer.MadeAt) >= patience)
                (overdue ??= []).Add((slot, offer.Sequence));
        }
        if (overdue is null)
            return;
        HashSet<SharedPort> ports = [];
        foreach (var (slot, _) in overdue.OrderByDescending(static o => o.Sequence))
        {
            ref var offer = ref _offers[slot];
            if (!Page.TryRevoke((uint)slot))
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

    private void ReadAnswers(bool toTheEnd)
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        // As long as an offer is unanswered: then another answer may be there.
        do
        {
            if (_closed)
                return;
            var length = HandoffSocket.Receive(_socket, message, out var descriptor);
            if (length == 0)
                StopWatching();
            if (length <= 0)
                return;
            if (Handoff.TryReadReturned(message[..length], out var port, out var peer))
            {
                _returned(Worker, port, descriptor, peer);
                continue;
            }
            if (descriptor >= 0)
                Libc.close(descriptor);
            if (!Handoff.TryReadAnswer(message[..length], out var offer, out var answer))
            {
                _fault(Worker, $"it answered an offer in {length} bytes that mean nothing.");
                return;
            }
            if (answer == OfferAnswer.RoomCame)
            {
                RoomCame();
                continue;
            }
            if (answer == OfferAnswer.Claimed)
            {
                Page.WantClaims();
                TakeClaims();
                if (toTheEnd)
                    continue;
                return; // There is hardly ever anything more; if there is, the loop tells.
            }
            if (!TryTake(offer, out var taken))
            {
                _fault(Worker, "it answered an offer that was not made.");
                return;
            }
            Answered(taken, answer);
        }
        while (toTheEnd || HasOffers);
    }

    /// <summary>How many connections of the seat's are on their way: those that the worker has taken meanwhile are among its open ones.</summary>
    public int CountUnderWay(Seat seat)
    {
        var count = seat.Outstanding;
        for (var slot = 0u; count > 0 && slot < _usedSlots; slot++)
        {
            if (_offers[slot].Seat == seat && Page.IsClaimed(slot))
                count--;
        }
        return count;
    }

    /// <summary>What the worker has taken since the last look, however many: it tells of the first.</summary>
    private void TakeClaims()
    {
        for (var slot = 0u; slot < _usedSlots; slot++)
        {
            if (_offers[slot] is { Seat: not null, IsRevoked: false } && Page.IsClaimed(slot) && TryTake(slot, out var taken))
                Answered(taken, OfferAnswer.Accepted);
        }
    }

    /// <summary>The worker's process is gone: what it had not accepted goes to others, in order of arrival.</summary>
    public void Close()
    {
        LeaveAll();
        ReadAnswers(toTheEnd: true); // What it accepted just before must not be given to another; what it gave back shall be.
        TakeClaims();
        StopWatching();
        var open = Enumerable.Range(0, _usedSlots).Where(slot => _offers[slot] is { Seat: not null, IsRevoked: false })
            .OrderByDescending(slot => _offers[slot].Sequence).ToList();
        HashSet<SharedPort> ports = [];
        foreach (var slot in open)
        {
            var (port, connection) = (_offers[slot].Seat!.Port, _offers[slot].Connection);
            _metrics.Returned(1);
            ports.Add(port);
            port.TakeBack(connection);
        }
        Array.Clear(_offers);
        foreach (var port in ports)
            port.ServeWaiting();
    }

    private void RoomCame()
    {
        foreach (var seat in _seats)
            seat.Port.RoomCame();
    }

    private void Answered(in Offer offer, OfferAnswer answer)
    {
        var seat = offer.Seat!;
        if (offer.IsRevoked)
        {
            seat.Port.RevokedAnswered(seat); // It is another's; this one is there again.
            return;
        }
        if (answer == OfferAnswer.Accepted)
        {
            Libc.close(offer.Connection.Descriptor);
            seat.Port.Answered(seat);
            if (offer.Connection.IsMoved)
                return;
            _metrics.Dispatched();
            if (_metrics.TimesHandoffs)
                _metrics.HandedOff(seat.Port.TimeSinceAccepted(offer.Connection));
            return;
        }
        _metrics.Returned(1);
        seat.Port.TakeBack(offer.Connection);
        if (answer == OfferAnswer.Declined)
        {
            Page.WantRoom();
            seat.Port.Declined(seat);
            seat.Port.ServeWaiting();
            return;
        }
        // A worker refuses what it no longer listens for: it gets no more of this port until it listens again.
        Leave(seat);
        seat.Port.Answered(seat);
    }

    private void Leave(Seat seat)
    {
        seat.Port.Remove(seat);
        _seats.Remove(seat);
    }

    private bool TryTake(uint slot, out Offer offer)
    {
        if (slot >= _usedSlots || _offers[slot].Seat is null)
        {
            offer = default;
            return false;
        }
        offer = _offers[slot];
        _offers[slot] = default;
        _freeSlots.Push((int)slot);
        return true;
    }

    private void StopWatching()
    {
        if (_closed)
            return;
        _closed = true;
        _loop.Remove(this, _socket.Number);
    }
}
