using System.Net;
using System.Net.Sockets;
using ProcessCluster.Platform;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// An end point that workers share: the listening socket, the workers that take its connections, and the connections that wait for
/// one. Belongs to the cluster's loop. Accepting and offering allocate nothing.
/// </summary>
internal sealed class SharedPort : EventLoop.Watch, ISharedEndPoint, IOfferOwner
{
    /// <summary>How many connections are accepted before the loop looks at other things again.</summary>
    private const int AcceptBurst = 64;

    /// <summary>Connections that may not wait for as long are not held for a worker that is behind the others.</summary>
    private static readonly TimeSpan HoldableWait = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly ListeningSocket _socket;
    private readonly IPortObserver _observer;
    private readonly PortRules _rules;
    private readonly long _maxWait;
    private readonly bool _hasTime;
    private readonly TimeProvider _time;
    private readonly Seats _seats;
    private readonly WaitingLine _waiting = new();
    private readonly WorkerLines _lines = new();
    private readonly Refusals _refusals;
    private readonly ReadOnlyMemory<byte> _crashAnswer;
    private readonly Peeks? _peeks;
    private readonly Rebalancing? _rebalancing;
    private readonly Lack _lack;
    private bool _paused;
    private bool _disposed;

    public SharedPort(int id, ListeningSocket socket, ClusterListenOptions options, EventLoop loop, PortRules rules, TimeProvider time, IPortObserver observer)
    {
        (Id, _socket, _loop, _time, _observer, _rules, _seats) = (id, socket, loop, time, observer, rules, rules.Seats);
        _lack = new Lack(time);
        _hasTime = rules.MaxWait >= HoldableWait;
        _maxWait = (long)(rules.MaxWait.TotalSeconds * time.TimestampFrequency);
        (_refusals, KeepsConnections, _crashAnswer) = (new Refusals(rules.WhenFull, time), options is { ReportsState: true, Exclusive: false }, options.CrashAnswer);
        _rebalancing = rules.Rebalances ? new Rebalancing() : null;
        if (rules.HasProxyHeader || rules.PeekBytes > 0)
            _peeks = new Peeks(loop, rules, time, connection => Enter(connection), (connection, exception) => Lose(connection, exception));
        loop.Add(this, socket.Number, EpollEvents.Readable);
    }

    public int Id { get; }

    /// <summary>Whether its workers say what goes on on a connection, so that it can outlive them.</summary>
    public bool KeepsConnections { get; }

    public EndPoint EndPoint => _socket.EndPoint;

    public SocketType SocketType => SocketType.Stream;

    /// <summary>Of its connections.</summary>
    public AddressFamily Family => _socket.Family;

    public TimeSpan MaxWait => _rules.MaxWait;

    /// <summary>How many connections wait for a worker. May be read on any thread.</summary>
    public int Waiting => _waiting.Count + _lines.Count;

    /// <summary>Whether time matters to it.</summary>
    public bool NeedsClock => Waiting > 0 || _peeks is { Count: > 0 } || _paused || _seats.HasStalls || _refusals.NeedsClock;

    /// <summary>Whether a worker has nothing to answer, so that it could serve what another one does not answer.</summary>
    public bool HasIdle => _seats.HasIdle;

    /// <summary>Whether connections wait for a worker that is behind the others: <see cref="ServeWaiting"/> is to be called again soon.</summary>
    public bool IsHolding => _seats.IsHolding && _waiting.Count > 0;

    /// <summary>How long ago a connection of this port was accepted.</summary>
    public TimeSpan TimeSinceAccepted(in PendingConnection connection) => _time.GetElapsedTime(connection.Deadline - _maxWait);

    public override void OnReady(EpollEvents events)
    {
        for (var i = 0; i < AcceptBurst && !_paused; i++)
        {
            switch (_socket.TryAccept(out var descriptor, out var peer))
            {
                case AcceptResult.Accepted:
                    Place(Accepted(descriptor, peer));
                    if (OpenFiles.IsReserved(descriptor))
                        goto case AcceptResult.Exhausted;
                    break;
                case AcceptResult.None:
                    return;
                case AcceptResult.Exhausted:
                    // The kernel would report the same connection again at once: look away until a descriptor may be free.
                    Pause();
                    if (_lack.Begins())
                        _observer.Exhausted(this);
                    return;
                case AcceptResult.Gone:
                    break;
            }
        }
    }

    /// <summary>Gives the worker connections from now on.</summary>
    public void Add(Seat seat)
    {
        _seats.Add(seat);
        if (_rebalancing is not null)
        {
            _rebalancing.Add(seat);
            _observer.NeedsClock(); // It may have fewer than the others.
        }
        ServeWaiting();
    }

    /// <summary>Gives the worker none any more. What was offered to it stays with it until it answers or is gone.</summary>
    public void Remove(Seat seat)
    {
        _seats.Remove(seat);
        _rebalancing?.Remove(seat);
        _lines.Dissolve(seat, _waiting);
        ServeWaiting();
    }

    /// <summary>The worker has answered an offer: it can take another.</summary>
    public void Answered(Seat seat)
    {
        _seats.Answered(seat);
        Serve(seat);
    }

    /// <summary>The worker has answered one that was given to another meanwhile.</summary>
    public void RevokedAnswered(Seat seat)
    {
        _seats.RevokedAnswered(seat);
        Serve(seat);
    }

    /// <summary>The worker wants no connection for now.</summary>
    public void Declined(Seat seat)
    {
        _seats.Answered(seat);
        _seats.SetAside(seat);
        _observer.NeedsClock();
    }

    /// <summary>An offer was taken back that the worker did not answer in time.</summary>
    public void Revoked(Seat seat)
    {
        _seats.Revoked(seat);
        _lines.Dissolve(seat, _waiting);
    }

    /// <summary>A worker has room again.</summary>
    public void RoomCame()
    {
        _seats.EndStalls();
        ServeAll();
    }

    /// <summary>Takes back a connection that a worker did not accept: it is served before all that came later.</summary>
    public void TakeBack(in PendingConnection connection)
    {
        StreamSocket.Reclaim(connection.Descriptor); // The worker has a copy of it.
        if (_disposed)
        {
            Descriptor.Close(connection.Descriptor);
            return;
        }
        _waiting.PushFront(connection);
        _observer.NeedsClock();
    }

    /// <summary>
    /// One that a worker gives back, or has left behind, for another. It was a client's before those that wait now: it is served behind them, and is not refused.
    /// </summary>
    public void TakeOver(int descriptor, in PeerAddress peer, bool isReplayed = false)
    {
        var connection = Accepted(descriptor, peer) with { IsMoved = true, IsReplayed = isReplayed };
        if (_disposed)
            Descriptor.Close(descriptor);
        else if (_rules.PeekBytes > 0)
            Place(connection);
        else
            Enter(connection);
    }

    /// <summary>Ends a connection whose worker is gone and whose client waits for an answer.</summary>
    public void EndWithCrashAnswer(int descriptor)
    {
        if (_disposed || _crashAnswer.IsEmpty)
            Descriptor.Close(descriptor);
        else
            _refusals.Answer(descriptor, _crashAnswer.Span);
        _observer.NeedsClock();
    }

    public void ServeWaiting()
    {
        while (_waiting.Count > 0)
        {
            var connection = _waiting.Pop();
            if (TryPlace(connection))
                continue;
            _waiting.PushFront(connection);
            TellIfHolding();
            break;
        }
        ResumeIfPossible();
    }

    /// <summary>Ends the waiting whose time is over, and tries again what could not be done for want of descriptors or buffers.</summary>
    public int EndOverdue(long now)
    {
        var ended = 0;
        for (; _waiting.TryPopOverdue(now, out var connection) || _lines.TryPopOverdue(now, out connection); ended++)
            Refuse(connection);
        _peeks?.Tick(now);
        _refusals.Tick();
        RoomCame();
        return ended;
    }

    /// <summary>Has its workers even out their kept connections. True when that shall be looked at again at the next tick.</summary>
    public bool EvenOut(TimeSpan now) => _rebalancing?.Look(now) ?? false;

    public void Dispose()
    {
        // Clients whose connection the kernel has made already are served like those that came before them.
        while (!_paused && Waiting == 0 && _socket.TryAccept(out var descriptor, out var peer) is AcceptResult.Accepted)
            Enter(Accepted(descriptor, peer));
        _disposed = true;
        _loop.Remove(this, _socket.Number);
        _socket.Dispose();
        _peeks?.Clear();
        _refusals.Clear();
        _lines.Close();
        _waiting.Close();
    }

    private PendingConnection Accepted(int descriptor, in PeerAddress peer) => new(descriptor, peer, _time.GetTimestamp() + _maxWait);

    private void Place(in PendingConnection connection)
    {
        if (_peeks is null)
        {
            Enter(connection);
            return;
        }
        _peeks.Begin(connection);
        _observer.NeedsClock();
    }

    /// <summary>Gives it to a worker, or has it wait: behind those that wait already.</summary>
    private void Enter(in PendingConnection connection)
    {
        if ((_waiting.Count == 0 || _rules.Policy is not null) && TryPlace(connection))
            return;
        if (_rules.WhenFull != WhenFull.Pause && Waiting >= _rules.MaxWaiting && !connection.IsMoved)
        {
            _refusals.Refuse(connection.Descriptor);
            _observer.Refused(this);
            _observer.NeedsClock();
            return;
        }
        _waiting.PushBack(connection);
        _observer.NeedsClock();
        TellIfHolding();
        PauseIfFull();
    }

    /// <summary>Has it offered to a worker or wait for a certain one; false when it must wait for any.</summary>
    private bool TryPlace(in PendingConnection connection)
    {
        while (true)
        {
            if (!TryTake(connection, out var seat, out var isLost))
            {
                if (isLost)
                    return true;
                if (seat is null || (_rules.WhenFull != WhenFull.Pause && Waiting >= _rules.MaxWaiting))
                    return false;
                WaitFor(seat, connection);
                return true;
            }
            if (seat!.Channel.TryOffer(seat, connection))
            {
                _observer.NeedsClock(); // For the offers that are not answered.
                return true;
            }
            // Its socket takes nothing now: too many descriptors under way, or it is dying, which is seen elsewhere.
            _seats.Stall(seat);
            _observer.NeedsClock();
        }
    }

    private bool TryTake(in PendingConnection connection, out Seat? seat, out bool isLost)
    {
        isLost = false;
        _seats.MayHold = _hasTime && (_rules.WhenFull == WhenFull.Pause || Waiting < _rules.MaxWaiting);
        try
        {
            return connection.IsMoved && _rules.IsEven ? _seats.TryTakeEmptiest(out seat) : _seats.TryTake(connection, out seat);
        }
        catch (Exception exception) when (_rules.Policy is not null)
        {
            Lose(connection, exception);
            (seat, isLost) = (null, true);
            return false;
        }
    }

    /// <summary>The program's own policy has thrown: its fault costs this connection, not the cluster.</summary>
    private void Lose(in PendingConnection connection, Exception exception)
    {
        _observer.PolicyFailed(this, exception);
        Descriptor.Close(connection.Descriptor);
    }

    private void WaitFor(Seat seat, in PendingConnection connection)
    {
        _lines.Add(seat, connection);
        _observer.NeedsClock();
        PauseIfFull();
    }

    private void Serve(Seat seat)
    {
        if (seat.HasLine)
            ServeLine(seat);
        ServeWaiting();
    }

    private void ServeAll()
    {
        for (var i = _lines.Seats.Count - 1; i >= 0; i--)
            ServeLine(_lines.Seats[i]);
        ServeWaiting();
    }

    private void ServeLine(Seat seat)
    {
        while (seat.HasLine && _seats.TryTake(seat))
        {
            if (seat.Channel.TryOffer(seat, seat.Line.Peek()))
            {
                _lines.Pop(seat);
                continue;
            }
            _seats.Stall(seat);
            break;
        }
    }

    private void Refuse(in PendingConnection connection)
    {
        if (connection.IsReplayed)
            EndWithCrashAnswer(connection.Descriptor);
        else if (connection.IsMoved)
            Descriptor.Close(connection.Descriptor); // It has asked for nothing that could be answered.
        else
            _refusals.Refuse(connection.Descriptor);
    }

    private void TellIfHolding()
    {
        if (_seats.IsHolding)
            _observer.Holds();
    }

    private void PauseIfFull()
    {
        if (_rules.WhenFull == WhenFull.Pause && Waiting >= _rules.MaxWaiting)
            Pause();
    }

    private void Pause()
    {
        if (_paused)
            return;
        _paused = true;
        _loop.Change(this, _socket.Number, EpollEvents.None);
        _observer.NeedsClock();
    }

    private void ResumeIfPossible()
    {
        if (!_paused || _disposed || Waiting >= _rules.MaxWaiting)
            return;
        _paused = false;
        _loop.Change(this, _socket.Number, EpollEvents.Readable);
    }
}
