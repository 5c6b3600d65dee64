using System.Buffers;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Connections;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster;

/// <summary>
/// An accepted connection, for those who build a transport on it: it says when there is something to receive and never holds a
/// buffer while it waits, so that unread bytes stay in the kernel. Most programs want the <see cref="Socket"/> that
/// <see cref="ClusterListener.AcceptAsync"/> gives.
/// One thread may receive while another sends; <see cref="Abort"/> and <see cref="Dispose"/> may come from any thread.
/// Costs one file descriptor; waiting, receiving and sending allocate nothing.
/// </summary>
public sealed class ClusterConnection : IDisposable
{
    private readonly Descriptor _socket;
    private readonly EventLoop _loop;
    private readonly Lock _gate = new();
    private readonly ReadinessSignal _readable = new();
    private readonly ReadinessSignal _writable = new();
    private readonly ClusterListener _listener;
    private readonly PeerAddress _peer;
    private readonly WorkerConnectionReporter? _count;
    private ReadinessWatch? _watch;
    private EndPoint? _remote;
    private EndPoint? _local;
    private Socket? _view;
    private uint _watched;
    private uint? _number;
    private int _isKnown;
    private bool _hasEnded;
    private bool _isCut;
    private int _disposed;

    internal ClusterConnection(Descriptor socket, EventLoop loop, ClusterListener listener, PeerAddress peer, bool isMoved, uint? number)
    {
        _socket = socket;
        _loop = loop;
        _listener = listener;
        _peer = peer;
        _count = listener.Connections;
        _number = number;
        _isKnown = isMoved ? 1 : 0;
    }

    /// <summary>The listener that it came from.</summary>
    public ClusterListener Listener => _listener;

    /// <summary>The peer's address; null for a Unix domain socket, whose peers have none.</summary>
    public EndPoint? RemoteEndPoint => _remote ??= _peer.ToEndPoint();

    /// <summary>The address on this side.</summary>
    public EndPoint? LocalEndPoint => _local ??=
        _listener.EndPoint is IPEndPoint ip && (ip.Address.Equals(IPAddress.Any) || ip.Address.Equals(IPAddress.IPv6Any))
            ? StreamSocket.LocalEndPoint(_socket)
            : _listener.EndPoint;

    /// <summary>
    /// The connection as a .NET socket, to read and set its options. It does not own the connection: receiving, sending, shutting down
    /// and closing are for this class. The first use costs an object and some system calls.
    /// </summary>
    public Socket Socket => _view ??= StreamSocket.ViewAsSocket(_socket);

    /// <summary>
    /// Says that what goes on here is told by <see cref="ClusterWorker.TrackRequest"/>, from its first request on. Until then, or without it, an open connection
    /// counts as work for <see cref="DispatchPolicy.LeastBusy"/>. Further calls do nothing.
    /// </summary>
    public void TrackRequests()
    {
        if (Volatile.Read(ref _isKnown) == 0 && Interlocked.Exchange(ref _isKnown, 1) == 0)
            _count?.IsKnown();
    }

    /// <summary>
    /// Gets whether <see cref="TryMove"/> makes sense: in a worker, for what came through the primary (<see cref="ListenMode.Handoff"/>, not <see cref="ClusterListenOptions.Exclusive"/>); while
    /// the worker leaves, as long as another one serves the end point and <see cref="ClusterOptions.MoveConnections"/> holds. May be read on any thread.
    /// </summary>
    public bool CanMove => _disposed == 0 && _listener.CanReturn;

    /// <summary>
    /// Gives the connection back to the primary, which offers it to a worker like a new one: to another one while this one leaves, else to any. The client
    /// notices nothing: what it has sent and nobody has received travels along, and what was sent to it is with the kernel. To be called when the program has
    /// nothing more to do with it: everything received is dealt with, everything to be sent was taken by <see cref="TrySend"/>, and no wait is under way
    /// (<see cref="Wake"/>). Disposes this object when it succeeds. Costs two system calls and never blocks.
    /// </summary>
    /// <returns>
    /// False when it cannot be now, and nothing has changed: not <see cref="CanMove"/>, or the primary is behind with those that came before; then try
    /// again a few milliseconds later.
    /// </returns>
    public bool TryMove()
    {
        lock (_gate)
        {
            if (_disposed != 0 || !_listener.CanReturn)
                return false;
            Unwatch(); // Of the copy that travels this process must hear nothing.
            if (!_listener.TryReturn(_socket, _number, _peer))
            {
                Volatile.Write(ref _watched, 0); // It can be waited for again.
                return false;
            }
            _number = null; // The primary knows, and it goes on elsewhere.
            _hasEnded = true;
        }
        Dispose();
        return true;
    }

    /// <summary>
    /// Gets whether the connection can outlive this worker: the primary has a copy of it (<see cref="ClusterListenOptions.ReportsState"/>,
    /// <see cref="ClusterOptions.ConnectionSurvival"/>), and what <see cref="Report"/> says last decides what becomes of it.
    /// </summary>
    public bool CanSurvive => _number is not null;

    /// <summary>
    /// Says what goes on here, for the case that this process ends suddenly. A connection begins as <see cref="ClusterConnectionState.Idle"/>. Say <see cref="ClusterConnectionState.Busy"/> before the
    /// first byte is received, <see cref="ClusterConnectionState.Responding"/> before the first one is sent, and <see cref="ClusterConnectionState.Idle"/> only when everything to be
    /// sent was taken by <see cref="TrySend"/> and nothing that was received is left to deal with. When in doubt it is not idle: what is called idle too early waits for an answer for ever.
    /// Without effect where not <see cref="CanSurvive"/>, and after the connection was disposed. Thread-safe; costs a write to memory, and no system call.
    /// </summary>
    public void Report(ClusterConnectionState state)
    {
        lock (_gate)
        {
            if (_number is { } number)
                _count!.Report(number, state);
        }
    }

    /// <summary>
    /// Says <see cref="ClusterConnectionState.Responding"/>, and between which numbers of bytes the answer is, so that the primary can ask the kernel how much of it was sent: nothing is as
    /// <see cref="ClusterConnectionState.Busy"/>, all as what follows it. TCP only (<c>TCP_INFO</c>, <c>man 7 tcp</c>); of a Unix domain socket nobody can say
    /// it. As <see cref="Report"/>.
    /// </summary>
    /// <param name="begin">The number of bytes that this process had sent on the connection before the response; -1 when a part of it was sent.</param>
    /// <param name="end">The number of bytes at the response's end; -1 when that, or the state after it, is not known.</param>
    /// <param name="then">The state after it: <see cref="ClusterConnectionState.Idle"/> when nothing is left to deal with, <see cref="ClusterConnectionState.Busy"/> when another request is under way.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="then"/> is another state.</exception>
    public void ReportResponse(long begin, long end, ClusterConnectionState then = ClusterConnectionState.Idle)
    {
        if (then is not (ClusterConnectionState.Idle or ClusterConnectionState.Busy))
            throw new ArgumentOutOfRangeException(nameof(then), then, "After a response a connection is Idle or Busy.");
        lock (_gate)
        {
            if (_number is { } number)
                _count!.ReportResponse(number, begin, end, then);
        }
    }

    /// <summary>
    /// Says what is being done for the client, in case that this process ends meanwhile: for example the method and the route. The name is for the log, the fingerprint for
    /// the quarantine (<see cref="ConnectionSurvivalOptions.QuarantineAfter"/>): say 0 when it is done. As <see cref="Report"/>.
    /// </summary>
    /// <param name="fingerprint">Is the same for what is alike, in every worker; 0 is none.</param>
    /// <param name="name">In UTF-8; the first 28 bytes count.</param>
    public void ReportRequest(long fingerprint, ReadOnlySpan<byte> name)
    {
        lock (_gate)
        {
            if (_number is { } number)
                _count!.ReportRequest(number, fingerprint, name);
        }
    }

    /// <summary>
    /// Returns whether a request is in quarantine (<see cref="ConnectionSurvivalOptions.QuarantineAfter"/>): then refuse it, for example with a <c>503</c>, and do nothing of it. True is
    /// counted as one refused request, so ask once for each, before <see cref="ReportRequest"/>. Holds for every connection of a worker, whether it <see cref="CanSurvive"/>
    /// or not; false outside a cluster. Thread-safe; costs a read of memory while nothing is in quarantine.
    /// </summary>
    /// <param name="fingerprint">The fingerprint of <see cref="ReportRequest"/>.</param>
    /// <param name="remaining">The time for which it still lasts; zero with the result false.</param>
    public bool IsQuarantined(long fingerprint, out TimeSpan remaining)
    {
        remaining = default;
        return _count is not null && _count.IsQuarantined(fingerprint, out remaining);
    }

    /// <summary>Has <see cref="WaitToReceiveAsync"/>, the one under way or the next one, complete with true though nothing may have come. From any thread.</summary>
    public void Wake() => ThreadPool.UnsafeQueueUserWorkItem(static signal => signal.Wake(), _readable, preferLocal: false);

    /// <summary>Gets whether <see cref="WaitToReceiveAsync"/> completed for <see cref="Wake"/> alone: nothing has come since it was last received to the end. For the waiter, until the next wait.</summary>
    public bool WasWoken => _readable.WasWoken;

    /// <summary>
    /// Gets whether the peer has ended the stream or the connection is broken, as far as known: then a receive that did not fill its
    /// buffer is followed by another that says so, without a further readiness.
    /// </summary>
    public bool HasReceivedEnd => Volatile.Read(ref _watch) is { HasEnd: true };

    /// <summary>Completes with true when <see cref="TryReceive"/> may find something or the end, with false when the connection was closed on this side.</summary>
    /// <exception cref="InvalidOperationException">A wait is under way already.</exception>
    public ValueTask<bool> WaitToReceiveAsync()
    {
        Watch(EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.EdgeTriggered);
        return _readable.WaitAsync();
    }

    /// <summary>Receives what is there.</summary>
    /// <param name="buffer">The buffer for the bytes; not empty.</param>
    /// <param name="received">The number of bytes; 0 with the result true at the end of the stream.</param>
    /// <returns>False when there is nothing now: wait, then try again.</returns>
    /// <exception cref="SocketException">The connection is broken.</exception>
    /// <exception cref="ObjectDisposedException">The connection is disposed.</exception>
    public bool TryReceive(Span<byte> buffer, out int received) => StreamSocket.TryReceive(_socket, buffer, out received);

    /// <summary>
    /// Copies what is there and leaves it where it is: the next receive gives the same bytes again, and so it does to another worker that gets the connection. Each call begins with the
    /// first byte that nobody has received. <see cref="WaitToReceiveAsync"/> completes only for bytes that come after those that were there.
    /// </summary>
    /// <param name="buffer">The buffer for the bytes; not empty.</param>
    /// <param name="peeked">The number of bytes; 0 with the result true at the end of the stream, which is seen only when nothing is there before it.</param>
    /// <returns>False when there is nothing now.</returns>
    /// <exception cref="SocketException">The connection is broken.</exception>
    /// <exception cref="ObjectDisposedException">The connection is disposed.</exception>
    public bool TryPeek(Span<byte> buffer, out int peeked) => StreamSocket.TryPeek(_socket, buffer, out peeked);

    /// <summary>Receives bytes and throws them away: those that <see cref="TryPeek"/> has shown and that are not needed any more.</summary>
    /// <param name="count">The number of bytes; if there are fewer, all that are there.</param>
    /// <exception cref="SocketException">The connection is broken.</exception>
    /// <exception cref="ObjectDisposedException">The connection is disposed.</exception>
    public void Discard(int count) => StreamSocket.Skip(_socket, count);

    /// <summary>Completes with true when <see cref="TrySend"/> may get on, with false when the connection was closed on this side.</summary>
    /// <exception cref="InvalidOperationException">A wait is under way already.</exception>
    public ValueTask<bool> WaitToSendAsync()
    {
        Watch(EpollEvents.Writable | EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.EdgeTriggered);
        return _writable.WaitAsync();
    }

    /// <summary>Sends as much as the kernel takes.</summary>
    /// <param name="buffers">The bytes to send; not empty.</param>
    /// <param name="sent">The number of bytes taken, which may be a part.</param>
    /// <returns>False when the kernel takes nothing now: wait, then try again.</returns>
    /// <exception cref="SocketException">The connection is broken.</exception>
    /// <exception cref="ObjectDisposedException">The connection is disposed.</exception>
    public bool TrySend(in ReadOnlySequence<byte> buffers, out int sent) => StreamSocket.TrySend(_socket, buffers, out sent);

    /// <summary>Says the end of the stream to the peer; a connection that is broken already is no error.</summary>
    /// <param name="receivingToo">True when receiving ends, too, and with it the waits: the connection can only be disposed after that.</param>
    public void Shutdown(bool receivingToo)
    {
        lock (_gate)
        {
            if (_disposed != 0)
                return;
            if (receivingToo)
            {
                _hasEnded = true;
                Unwatch(); // Its own end would be told as readiness, and wake a thread for nothing.
            }
            StreamSocket.Shutdown(_socket, receivingToo);
        }
        if (receivingToo)
            CloseSignals();
    }

    /// <summary>Ends the waits and resets the connection: the peer sees at once that the stream was cut. A Unix domain socket ends in order, as it knows no reset.</summary>
    public void Abort()
    {
        lock (_gate)
        {
            if (_disposed != 0)
                return;
            _hasEnded = true;
            _isCut = !SocketState.HasEnded(_socket);
            Unwatch();
            StreamSocket.Reset(_socket);
        }
        CloseSignals();
    }

    private void CloseSignals()
    {
        _readable.Close();
        _writable.Close();
    }

    /// <summary>Ends the connection, unless that was done, and closes it: also where another process still has a copy, the peer sees the end at once.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        CloseSignals();
        lock (_gate)
        {
            _count?.Closed(isKnown: Interlocked.Exchange(ref _isKnown, 1) != 0, _number, _isCut); // Before the client sees it.
            _number = null;
            Unwatch();
            if (!_hasEnded)
                StreamSocket.Shutdown(_socket, both: true);
            _socket.Dispose();
        }
    }

    private void Unwatch()
    {
        if (_watch is null)
            return;
        _loop.Remove(_watch, _socket.Number);
        _watch = null;
        Volatile.Write(ref _watched, uint.MaxValue); // It is never watched again.
    }

    /// <summary>
    /// Has the loop watch for these events, edge-triggered: what is ready already is told at once. Few connections ever wait to send,
    /// and a connection is nearly always ready for it: only those that do are watched for it.
    /// </summary>
    private void Watch(EpollEvents events)
    {
        var wanted = (uint)events;
        if ((Volatile.Read(ref _watched) & wanted) == wanted)
            return;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_watch is null)
            {
                _watch = new ReadinessWatch(_readable, _writable);
                _loop.Add(_watch, _socket.Number, events);
            }
            else if ((_watched & wanted) != wanted)
            {
                _loop.Change(_watch, _socket.Number, (EpollEvents)(wanted | _watched));
            }
            Volatile.Write(ref _watched, wanted | _watched);
        }
    }
}
