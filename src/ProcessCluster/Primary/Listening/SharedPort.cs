using System.Net;
using System.Net.Sockets;
using ProcessCluster.Platform;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// An end point that workers share: the listening socket, the workers that take its connections, and the connections that wait for
/// one. Belongs to the cluster's loop. Accepting and offering allocate nothing.
/// </summary>
internal sealed class SharedPort : EventLoop.Watch, ISharedEndPoint
{
    /// <summary>How many connections are accepted before the loop looks at other things again.</summary>
    private const int AcceptBurst = 64;

    private readonly EventLoop _loop;
    private readonly ListeningSocket _socket;
    private readonly IPortObserver _observer;
    private readonly int _maxWaiting;
    private readonly long _maxWait;
    private readonly TimeProvider _time;
    private readonly FreeSeats _free = new();
    private readonly WaitingLine _waiting = new();
    private bool _paused;
    private bool _exhausted;
    private bool _disposed;

    public SharedPort(int id, ListeningSocket socket, EventLoop loop, ClusterOptions options, TimeProvider time, IPortObserver observer)
    {
        (Id, _socket, _loop, _time, _observer) = (id, socket, loop, time, observer);
        _maxWaiting = options.MaxWaitingConnections;
        MaxWait = options.MaxWait;
        _maxWait = (long)(options.MaxWait.TotalSeconds * time.TimestampFrequency);
        loop.Add(this, socket.Number, Libc.EPOLLIN);
    }

    public int Id { get; }

    public EndPoint EndPoint => _socket.EndPoint;

    public SocketType SocketType => SocketType.Stream;

    public TimeSpan MaxWait { get; }

    /// <summary>How many connections wait for a worker.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>How long ago a connection of this port was accepted.</summary>
    public TimeSpan TimeSinceAccepted(in PendingConnection connection) => _time.GetElapsedTime(connection.Deadline - _maxWait);

    public override void OnReady(uint events)
    {
        for (var i = 0; i < AcceptBurst && !_paused; i++)
        {
            switch (_socket.TryAccept(out var descriptor, out var peer))
            {
                case AcceptResult.Accepted:
                    _exhausted = false;
                    Place(Accepted(descriptor, peer));
                    break;
                case AcceptResult.None:
                    return;
                case AcceptResult.Exhausted:
                    // The kernel would report the same connection again at once: look away until a descriptor may be free.
                    Pause();
                    if (!_exhausted)
                        _observer.Exhausted(this);
                    _exhausted = true;
                    return;
                case AcceptResult.Gone:
                    break;
            }
        }
    }

    /// <summary>Gives the worker connections from now on.</summary>
    public void Add(Seat seat)
    {
        _free.Add(seat);
        ServeWaiting();
    }

    /// <summary>Gives the worker none any more. What was offered to it stays with it until it answers or is gone.</summary>
    public void Remove(Seat seat) => _free.Remove(seat);

    /// <summary>The worker has answered an offer: it can take another.</summary>
    public void Answered(Seat seat)
    {
        _free.Answered(seat);
        ServeWaiting();
    }

    /// <summary>Takes back a connection that a worker did not accept: it is served before all that came later.</summary>
    public void TakeBack(in PendingConnection connection)
    {
        if (_disposed)
        {
            Libc.close(connection.Descriptor);
            return;
        }
        _waiting.PushFront(connection);
        _observer.NeedsClock();
    }

    public void ServeWaiting()
    {
        while (_waiting.Count > 0 && TryOffer(_waiting.Peek()))
            _waiting.Pop();
        ResumeIfPossible();
    }

    /// <summary>Closes the connections whose time is over, and tries again what could not be done for want of descriptors or buffers.</summary>
    public int CloseOverdue(long now)
    {
        var closed = 0;
        while (_waiting.Count > 0 && _waiting.Peek().Deadline <= now)
        {
            Libc.close(_waiting.Pop().Descriptor);
            closed++;
        }
        _free.EndStalls();
        ServeWaiting();
        return closed;
    }

    /// <summary>Whether time matters to it.</summary>
    public bool NeedsClock => _waiting.Count > 0 || _paused || _free.HasStalls;

    public void Dispose()
    {
        // Clients whose connection the kernel has made already are served like those that came before them.
        while (!_paused && _free.HasAny && _socket.TryAccept(out var descriptor, out var peer) is AcceptResult.Accepted)
            Place(Accepted(descriptor, peer));
        _disposed = true;
        _loop.Remove(this, _socket.Number);
        _socket.Dispose();
        while (_waiting.Count > 0)
            Libc.close(_waiting.Pop().Descriptor);
    }

    private PendingConnection Accepted(int descriptor, in PeerAddress peer) => new(descriptor, peer, _time.GetTimestamp() + _maxWait);

    private void Place(in PendingConnection connection)
    {
        if (_waiting.Count == 0 && TryOffer(connection))
            return;
        _waiting.PushBack(connection);
        _observer.NeedsClock();
        if (_waiting.Count >= _maxWaiting)
            Pause();
    }

    private bool TryOffer(in PendingConnection connection)
    {
        while (_free.TryTake(out var seat))
        {
            if (seat.Channel.TryOffer(seat, connection))
                return true;
            // Its socket takes nothing now: too many descriptors under way, or it is dying, which is seen elsewhere.
            _free.Stall(seat);
            _observer.NeedsClock();
        }
        return false;
    }

    private void Pause()
    {
        if (_paused)
            return;
        _paused = true;
        _loop.Change(this, _socket.Number, 0);
        _observer.NeedsClock();
    }

    private void ResumeIfPossible()
    {
        if (!_paused || _disposed || _waiting.Count >= _maxWaiting)
            return;
        _paused = false;
        _loop.Change(this, _socket.Number, Libc.EPOLLIN);
    }
}

/// <summary>What a port has to tell.</summary>
internal interface IPortObserver
{
    /// <summary>No descriptor or memory is left; told once until accepting works again.</summary>
    void Exhausted(SharedPort port);

    /// <summary><see cref="SharedPort.CloseOverdue"/> is to be called every now and then.</summary>
    void NeedsClock();
}

/// <summary>An accepted connection on its way to a worker. The descriptor is the primary's own copy.</summary>
internal readonly record struct PendingConnection(int Descriptor, PeerAddress Peer, long Deadline);
