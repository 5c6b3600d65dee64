using System.Net.Sockets;
using System.Runtime.CompilerServices;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Udp;

namespace ProcessCluster.Worker;

/// <summary>
/// A listener that accepts by itself: on a copy of the one listening socket, or on one of its own. It is bound when it comes; one of its own listens from the moment that this worker may
/// have connections.
/// </summary>
internal sealed class AcceptingListener : PortListener
{
    /// <summary>The time for which a worker without a free descriptor, or that wants none, accepts nothing.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    private readonly ListeningSocket _socket;
    private readonly SharedReadiness _readable;
    private readonly TaskCompletionSource _admitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _gate = new();
    private readonly bool _isOwn;
    private int _backlog;
    private volatile bool _hasEnded;
    private bool _isExhausted;
    private bool _isAdmitted;
    private bool _isClosed;

    public AcceptingListener(WorkerSession session, int port, ListeningSocket socket)
        : base(session, port, socket.EndPoint)
    {
        _socket = socket;
        _isOwn = !socket.IsListening;
        _readable = new SharedReadiness(SocketLoop.Instance, socket.Descriptor, EpollEvents.Readable | (_isOwn ? EpollEvents.None : EpollEvents.Exclusive));
    }

    public override void Begin(ClusterListenOptions options, bool isAdmitted)
    {
        base.Begin(options, isAdmitted);
        lock (_gate)
        {
            _backlog = options.Backlog;
            _isAdmitted |= isAdmitted;
            AcceptIfPossible();
        }
    }

    public override void Admitted()
    {
        lock (_gate)
        {
            _isAdmitted = true;
            AcceptIfPossible();
        }
    }

    public override void Recheck() => _readable.Recheck();

    public override void Complete()
    {
        Close();
        _admitted.TrySetResult();
    }

    public override void Leave()
    {
        if (!_isOwn)
        {
            Complete();
            return;
        }
        // Nobody else can accept what is in its queue: whoever accepts gets it before the end.
        _hasEnded = true;
        _admitted.TrySetResult();
        _readable.Recheck();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private protected override async ValueTask<Taken> TakeAsync(CancellationToken cancellationToken)
    {
        await _admitted.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (!_isClosed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (CanAccept?.Invoke() == false && !_hasEnded)
                {
                    await Task.Delay(Rest, cancellationToken).ConfigureAwait(false); // It is asked again; meanwhile others accept.
                    continue;
                }
                switch (TryAccept(out var accepted, out var peer))
                {
                    case AcceptResult.Accepted:
                        _isExhausted = false;
                        Connections.Opened(isKnown: false);
                        return new Taken(new Descriptor(accepted), peer, IsMoved: false);
                    case AcceptResult.Gone:
                        continue;
                    case AcceptResult.Exhausted:
                        if (!_isExhausted)
                            Session.Logger.AcceptExhausted(EndPoint);
                        _isExhausted = true;
                        await Task.Delay(Rest, cancellationToken).ConfigureAwait(false);
                        continue;
                }
                if (_hasEnded)
                    Close();
                else
                    await _readable.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            return default;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>When both are known: that the worker may have connections, and with which options.</summary>
    private void AcceptIfPossible()
    {
        if (!_isAdmitted || _backlog == 0 || _isClosed)
            return;
        if (_isOwn && !_socket.IsListening)
            _socket.Listen(_backlog);
        _admitted.TrySetResult();
    }

    private AcceptResult TryAccept(out int accepted, out PeerAddress peer)
    {
        lock (_gate)
        {
            if (!_isClosed)
                return _socket.TryAccept(out accepted, out peer);
        }
        accepted = -1;
        peer = default;
        return AcceptResult.None;
    }

    private void Close()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            _readable.Close();
            _socket.Dispose();
        }
    }
}
