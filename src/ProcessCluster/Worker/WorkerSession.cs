using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Connections;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Locks;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>
/// This process as a worker: its link to the primary, the connections that come over the hand-off socket, and its end with the primary's.
/// </summary>
internal sealed class WorkerSession : ILinkPeer
{
    /// <summary>The time for which a worker whose primary is gone may finish its work.</summary>
    public static readonly TimeSpan OrphanGrace = TimeSpan.FromSeconds(1);

    /// <summary>The time for which the primary's answer is waited for.</summary>
    public static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    private readonly Descriptor _handoff = new(ChildProcess.HandoffDescriptor);
    private readonly OfferAnswers _answers;
    private readonly ConcurrentDictionary<int, PortListener> _listeners = new();
    private readonly PendingAnswers<PortListener> _listening;
    private readonly WorkerUdpSockets _udp;
    private readonly WorkerBoard _board;
    private readonly TaskCompletionSource _leavingNoted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private readonly LoopTimer _orphanDeadline = new(SocketLoop.Instance); // From the start: one that has no descriptors left must end, too.
    private readonly Action _disconnected;
    private readonly Link _link;
    private int _lastRequest;
    private int _leaving;
    private volatile int _slot;
    private volatile bool _isStandby;
    private volatile bool _isOrphaned;
    private volatile bool _othersTakeConnections;

    /// <param name="place">The worker's place.</param>
    /// <param name="scope">Options and handlers of messages.</param>
    /// <param name="disconnected">Told once when the link has closed.</param>
    public WorkerSession(in WorkerPlace place, MessagingScope scope, Action disconnected)
    {
        _disconnected = disconnected;
        Logger = scope.Logger;
        _slot = place.Slot;
        _isStandby = place.IsStandby;
        _answers = new OfferAnswers(_handoff);
        var fromPrimary = new Descriptor(ChildProcess.ReadDescriptor);
        var toPrimary = new Descriptor(ChildProcess.WriteDescriptor);
        foreach (var descriptor in (ReadOnlySpan<Descriptor>)[fromPrimary, toPrimary, _handoff])
            descriptor.CloseOnExec();
        SocketLoop.Instance.Invoke(() =>
        {
            ParentDeath.TakeOver(fromPrimary.Number);
            return true;
        });
        _link = new Link(
            fromPrimary, toPrimary, SocketLoop.Instance, "ProcessCluster link", () => scope.Options.MaxMessageBytes, isHeld: false, this);
        _board = new WorkerBoard(SharedMemory.Map(ChildProcess.MemoryDescriptor, Board.SizeFor(0)));
        Requests = new RequestMeter(_board.WorkBegins, _board.WorkEnds);
        Connections = new WorkerConnectionReporter(_board, answer => Answer(HandoffCodec.NoOffer, answer));
        Locks = new LockClaims(
            (request, name) => _link.TrySend(new ControlMessage.AcquireLock(request, name)),
            request => _link.TrySend(new ControlMessage.ReleaseLock(request)));
        Channel = new MessageChannel(place.Id, FrameHeader.Primary, "The primary", _link.Outbox, scope);
        _listening = new PendingAnswers<PortListener>(_link.TrySend, Close);
        _udp = new WorkerUdpSockets(_link.TrySend);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Exiting();
    }

    /// <summary>Messages to and from the primary and, through it, other workers.</summary>
    public MessageChannel Channel { get; }

    /// <summary>The requests that the program counts.</summary>
    public RequestMeter Requests { get; }

    /// <summary>The connections that the program has taken.</summary>
    public WorkerConnectionReporter Connections { get; }

    public int Slot => _slot;

    public bool IsStandby => _isStandby;

    public Microsoft.Extensions.Logging.ILogger Logger { get; }

    /// <summary>The cluster's locks that this worker holds or waits for.</summary>
    public LockClaims Locks { get; }

    public CancellationToken Stopping => _stopping.Token;

    public bool IsLeaving => _leaving != 0;

    public bool IsConnected { get; private set; } = true;

    public bool IsListening => !_listeners.IsEmpty || _udp.HasAny;

    /// <summary>Says hello and starts to listen to the primary.</summary>
    public void Start()
    {
        _link.TrySend(new ControlMessage.Hello(ControlCodec.Protocol, Environment.ProcessId));
        _link.Start();
        SocketLoop.Instance.Add(new OfferWatch(this), _handoff.Number, EpollEvents.Readable | EpollEvents.EdgeTriggered);
    }

    public void Send(ControlMessage message) => _link.TrySend(message);

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="ClusterException">The primary is gone or this worker is leaving.</exception>
    public async Task<ClusterListener> ListenAsync(EndPoint endPoint, ClusterListenOptions options, CancellationToken cancellationToken)
    {
        if (IsLeaving)
            throw new ClusterException($"The worker is leaving the cluster and cannot listen on {endPoint} any more.");
        var number = Interlocked.Increment(ref _lastRequest);
        var listener = await _listening.AskAsync(
            number,
            new ControlMessage.Listen(number, UnixPath.ForPrimary(endPoint), options),
            $"The primary is gone: nobody can listen on {endPoint}.",
            cancellationToken).ConfigureAwait(false);
        try
        {
            listener.Begin(options, isAdmitted: !_isStandby);
        }
        catch (SocketException)
        {
            Close(listener);
            throw;
        }
        if (listener is AcceptingListener)
            _link.TrySend(new ControlMessage.Listening(listener.Port));
        return listener;
    }

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="ClusterException">The primary is gone or this worker is leaving.</exception>
    public Task<ClusterUdpSocket> BindUdpAsync(EndPoint endPoint, ClusterUdpOptions options, CancellationToken cancellationToken) => IsLeaving
        ? throw new ClusterException($"The worker is leaving the cluster and cannot bind {endPoint} any more.")
        : _udp.BindAsync(Interlocked.Increment(ref _lastRequest), endPoint, options, cancellationToken);

    /// <summary>Tells the primary that this worker leaves, so that it gets no more connections and its end is no crash.</summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _leaving, 1) == 0 && _link.TrySend(new ControlMessage.Leaving()))
            await _leavingNoted.Task.WaitAsync(AnswerTimeout, cancellationToken).ConfigureAwait(false);
        Stop();
    }

    /// <summary>
    /// Closes the way to the primary, which sees this worker as disconnected; its end is still seen from here. As long as this worker holds locks
    /// of the cluster the way stays open, for giving them back.
    /// </summary>
    public void CloseLink() => Locks.Close("the worker has left the cluster.", () =>
    {
        if (!IsConnected)
            return;
        IsConnected = false;
        _link.CloseWriting();
        _disconnected();
    });

    /// <summary>Gets whether a connection that is given back finds another worker, or, as long as this one stays, perhaps this one again.</summary>
    public bool CanReturn => _othersTakeConnections || (!IsLeaving && IsConnected);

    /// <summary>Gives a connection back; false when the primary takes none now. This process's descriptor stays open.</summary>
    public bool TryReturn(int port, Descriptor socket, uint? number, in PeerAddress peer)
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteReturned(message, number ?? HandoffCodec.NoOffer, port, peer);
        return HandoffSocket.Send(_handoff, message[..length], socket.Number) == HandoffSend.Sent;
    }

    /// <summary>Before the program sees a connection: false when the primary has given it to another worker.</summary>
    public bool TryClaim(uint offer, ClusterConnectionState state) => _board.TryClaim(offer, state);

    /// <summary>Answers an offer, or says something else about connections.</summary>
    public void Answer(uint offer, OfferAnswer answer) => _answers.Send(offer, answer);

    /// <summary>Ends a listener by the program's wish.</summary>
    public void Close(PortListener listener)
    {
        if (!_listeners.TryRemove(listener.Port, out _))
            return;
        _link.TrySend(new ControlMessage.CloseListener(listener.Port));
        listener.Complete();
    }

    IThreadPoolWorkItem? ILinkPeer.Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        Channel.Arrived(header);
        return Channel.Receive(header, frame, ref rented);
    }

    void ILinkPeer.Receive(ControlMessage message)
    {
        switch (message)
        {
            case ControlMessage.Bound bound:
                AddListener(bound);
                break;
            case ControlMessage.NotBound refused:
                var refusal = new SocketException(refused.SocketError, refused.Reason);
                if (!_listening.Fail(refused.Request, refusal))
                    _udp.Refused(refused.Request, refusal);
                break;
            case ControlMessage.Disconnect disconnect:
                _othersTakeConnections = disconnect.MovesConnections;
                Interlocked.Exchange(ref _leaving, 1);
                _leavingNoted.TrySetResult();
                Stop();
                break;
            case ControlMessage.LeavingNoted noted:
                _othersTakeConnections = noted.MovesConnections;
                _leavingNoted.TrySetResult();
                break;
            case ControlMessage.Admitted admitted:
                _slot = admitted.Slot;
                _isStandby = false;
                foreach (var listener in _listeners.Values)
                    listener.Admitted();
                break;
            case ControlMessage.GiveBack give:
                if (_listeners.TryGetValue(give.Port, out var uneven))
                    uneven.RequestBack(give.Count);
                break;
            case ControlMessage.Ping ping:
                ThreadPool.UnsafeQueueUserWorkItem(static state => state.Session.GiveSign(state.Sequence), (Session: this, ping.Sequence), preferLocal: false);
                break;
            case ControlMessage.Unread unread:
                if (_listeners.TryGetValue(unread.Port, out var left))
                    left.Recheck();
                else
                    _udp.Recheck(unread.Port);
                break;
            case ControlMessage.LockGranted granted:
                Locks.Granted(granted.Request);
                break;
            default:
                throw new InvalidDataException($"The primary sent {message.GetType().Name}, which a primary does not send.");
        }
    }

    private void AddListener(ControlMessage.Bound bound)
    {
        var listener = new HandoffListener(this, bound.Port, bound.EndPoint);
        _listeners[bound.Port] = listener;
        // In this order: the program may close the listener as soon as it has it.
        _link.TrySend(new ControlMessage.Listening(bound.Port));
        _listening.Answer(bound.Request, listener);
    }

    /// <summary>A socket that was asked for; without a descriptor when this process had no number left for it.</summary>
    private void Arrived(int request, int port, int descriptor, in PeerAddress address)
    {
        if (!_listening.Has(request))
        {
            _udp.Arrived(request, port, new Descriptor(descriptor), address); // Or nobody waits for it any more: that closes it.
            return;
        }
        if (descriptor < 0)
        {
            _link.TrySend(new ControlMessage.CloseListener(port));
            _listening.Fail(request, new SocketException((int)SocketError.TooManyOpenSockets));
            return;
        }
        var listener = new AcceptingListener(this, port, ListeningSocket.Adopt(descriptor));
        _listeners[port] = listener;
        _listening.Answer(request, listener);
    }

    /// <summary>Listeners end, the program is told. On a thread of its own or the pool's, as callbacks are the program's.</summary>
    private void Stop()
    {
        foreach (var listener in _listeners.Values)
        {
            if (_listeners.TryRemove(listener.Port, out _))
                listener.Leave();
        }
        _udp.EndReceiving();
        _ = _stopping.CancelAsync();
    }

    /// <summary>Called on the link's own thread, which nothing of the program can hold up.</summary>
    void ILinkPeer.Closed(string? fault)
    {
        Channel.StopSending("The primary is gone.");
        Channel.FailPending("The primary is gone.");
        Channel.EndReceiving();
        if (fault is not null)
            Console.Error.WriteLine($"ProcessCluster: the link to the primary was cut: {fault}");
        _isOrphaned = true;
        _othersTakeConnections = false;
        Interlocked.Exchange(ref _leaving, 1);
        _listening.FailAll(new ClusterException("The primary is gone."));
        _udp.FailRequests(new ClusterException("The primary is gone."));
        _leavingNoted.TrySetResult();
        Locks.Lose("the primary is gone.");
        Stop();
        if (IsConnected)
        {
            IsConnected = false;
            _disconnected();
        }
        // No worker outlives its primary: the program ends by itself in this time, or it is ended.
        SocketLoop.Instance.Post(() => _orphanDeadline.Start(OrphanGrace, EndNow));
    }

    /// <summary>Called on a thread that nothing of the program can hold up.</summary>
    private static void EndNow()
    {
        ProcessStatus.KillRestOfGroup();
        RuntimeFiles.RemoveOwn();
        CurrentProcess.Exit();
    }

    /// <summary>A program that ends has sent what it has sent: it is written, if the primary reads it within a second.</summary>
    private void Exiting()
    {
        _link.Outbox.Written().Wait(OrphanGrace);
        if (_isOrphaned)
            ProcessStatus.KillRestOfGroup(); // Else the primary does it.
    }

    /// <summary>The pool runs this: a worker whose pool is starved gives no sign.</summary>
    private void GiveSign(int sequence) => _link.TrySend(
        new ControlMessage.Pong(sequence, Requests.Begun, Requests.InFlight, Requests.Busy, System.Diagnostics.Debugger.IsAttached));

    private void Offered(int port, uint offer, Descriptor socket, ushort skip, OfferKinds kinds, in PeerAddress peer)
    {
        var answer = OfferAnswer.Refused;
        if (_listeners.TryGetValue(port, out var found) && found is HandoffListener listener && listener.TryAdd(offer, socket, skip, kinds, peer, out answer))
            return;
        socket.Dispose();
        Answer(offer, answer);
    }

    /// <summary>
    /// Takes offers on the thread pool: a worker whose pool is starved takes none, and the primary gives them to others. What is not
    /// read stays in the kernel, and with it the copy that the primary can still give away.
    /// </summary>
    private sealed class OfferWatch(WorkerSession session) : PooledWatch
    {
        public override void Signal(EpollEvents events)
        {
            Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
            // Edge-triggered: until nothing is left. The end of the primary, a length of 0, is the link's to see.
            while (HandoffSocket.Receive(session._handoff, message, out var descriptor, out _) is > 0 and var length)
            {
                if (HandoffCodec.TryReadSocket(message[..length], out var request, out var bound, out var address))
                    session.Arrived(request, bound, descriptor, address);
                else if (!HandoffCodec.TryReadOffer(message[..length], out var port, out var offer, out var skip, out var kinds, out var peer))
                    continue;
                else if (descriptor >= 0 && !OpenFiles.IsReserved(descriptor))
                    session.Offered(port, offer, new Descriptor(descriptor), skip, kinds, peer);
                else
                {
                    new Descriptor(descriptor).Dispose();
                    session.Answer(offer, OfferAnswer.Exhausted);
                }
            }
        }
    }
}
