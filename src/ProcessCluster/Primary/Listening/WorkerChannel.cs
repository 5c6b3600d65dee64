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
    private readonly ClusterMetrics _metrics;
    private readonly List<Seat> _seats = [];
    private readonly Stack<int> _freeSlots = new();
    private Offer[] _offers = new Offer[FreeSeats.OffersPerWorker];
    private int _usedSlots;
    private uint _sequence;
    private bool _closed;

    public WorkerChannel(PrimaryWorker worker, EventLoop loop, Action<PrimaryWorker, string> fault, ClusterMetrics metrics)
    {
        (Worker, _loop, _fault, _metrics) = (worker, loop, fault, metrics);
        _socket = worker.Child.Handoff;
        loop.Add(this, _socket.Number, Libc.EPOLLIN);
    }

    public PrimaryWorker Worker { get; }

    private struct Offer
    {
        public Seat? Seat;
        public PendingConnection Connection;
        public uint Sequence;
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
        var length = Handoff.WriteOffer(message, seat.Port.Id, (uint)slot, connection.Peer);
        if (HandoffSocket.Send(_socket, message[..length], connection.Descriptor) != HandoffSend.Sent)
        {
            _freeSlots.Push(slot);
            return false;
        }
        _offers[slot] = new Offer { Seat = seat, Connection = connection, Sequence = _sequence++ };
        return true;
    }

    /// <summary>Sends the worker a copy of a UDP socket; false when it takes nothing now. One that is gone needs none.</summary>
    public bool TryDeliver(SharedUdpSocket socket, int request)
    {
        if (_closed)
            return true;
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = Handoff.WriteSocket(message, request, socket.Id, socket.Address);
        return HandoffSocket.Send(_socket, message[..length], socket.Descriptor) != HandoffSend.Busy;
    }

    public override void OnReady(uint events) => ReadAnswers();

    private void ReadAnswers()
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        // As long as an offer is unanswered: then another answer may be there.
        do
        {
            if (_closed)
                return;
            var length = HandoffSocket.ReceiveAnswer(_socket, message);
            if (length == 0)
                StopWatching();
            if (length <= 0)
                return;
            if (!Handoff.TryReadAnswer(message[..length], out var offer, out var accepted) || !TryTake(offer, out var taken))
            {
                _fault(Worker, $"it answered an offer that was not made ({length} bytes).");
                return;
            }
            Answered(taken, accepted);
        }
        while (_freeSlots.Count < _usedSlots);
    }

    /// <summary>The worker's process is gone: what it had not accepted goes to others, in order of arrival.</summary>
    public void Close()
    {
        LeaveAll();
        ReadAnswers(); // What it accepted just before must not be given to another.
        StopWatching();
        var open = _offers.Where(static o => o.Seat is not null).OrderByDescending(static o => o.Sequence).ToList();
        Array.Clear(_offers);
        if (open.Count > 0)
            _metrics.Returned(open.Count);
        foreach (var offer in open)
            offer.Seat!.Port.TakeBack(offer.Connection);
        foreach (var port in open.Select(static o => o.Seat!.Port).Distinct())
            port.ServeWaiting();
    }

    private void Answered(in Offer offer, bool accepted)
    {
        var seat = offer.Seat!;
        if (accepted)
        {
            Libc.close(offer.Connection.Descriptor);
            seat.Port.Answered(seat);
            _metrics.Dispatched();
            if (_metrics.TimesHandoffs)
                _metrics.HandedOff(seat.Port.TimeSinceAccepted(offer.Connection));
            return;
        }
        // A worker refuses what it no longer listens for: it gets no more of this port until it listens again.
        Leave(seat);
        _metrics.Returned(1);
        seat.Port.TakeBack(offer.Connection);
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
