using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>
/// Typed messages over one link: sending, requests that wait for answers, handlers. The primary has one for each worker, a worker has one
/// to the primary, over which it also reaches other workers. Thread-safe.
/// </summary>
internal sealed class MessageChannel
{
    private readonly MessagingScope _scope;
    private readonly MessageSender _sender;
    private readonly ReceiveWindow _window;
    private readonly ChannelClock _clock;
    private readonly RequestClient _requests;
    private readonly RequestQueue _calls;
    private readonly MessageInbox _inbox;

    /// <param name="self">This process's number.</param>
    /// <param name="peer">The number at the other end.</param>
    /// <param name="peerName">The name of the other end, for people.</param>
    /// <param name="outbox">The frames for the other end.</param>
    /// <param name="scope">The options and handlers that all channels of the process share.</param>
    public MessageChannel(int self, int peer, string peerName, Outbox outbox, MessagingScope scope)
    {
        _scope = scope;
        _sender = new MessageSender(self, peer, peerName, outbox, scope);
        _window = new ReceiveWindow(_sender);
        _clock = new ChannelClock(scope.Time, Tick);
        _requests = new RequestClient(_sender, scope, _clock);
        _calls = new RequestQueue(_sender, _window, scope, _clock);
        _inbox = new MessageInbox(_sender, _window, scope, peerName);
        scope.Handlers.Added += HandlerAdded;
    }

    public Outbox Outbox => _sender.Outbox;

    /// <inheritdoc cref="MessageInbox.Drained"/>
    public Task Drained => _inbox.Drained;

    /// <summary>Sends a message; completes when it is in the outbox, or, to another worker, when the primary has it in that one's.</summary>
    public ValueTask SendAsync<T>(int target, T message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var name = MessageName.Of<T>();
        if (target != _sender.Peer && target != FrameHeader.Everyone)
        {
            return new ValueTask(
                _requests.RequestAsync<T, bool>(FrameKind.Message, target, message, _scope.Options.SendTimeout, null, cancellationToken).AsTask());
        }
        if (target == _sender.Peer)
            _sender.ThrowIfRefused<T>(name);
        var waiter = _sender.Post(FrameKind.Message, name, target, 0, message);
        return waiter is null ? ValueTask.CompletedTask : _sender.WaitAsync(waiter, cancellationToken);
    }

    public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(
        int target, TRequest request, TimeSpan? timeout, CancellationToken cancellationToken) =>
        _requests.RequestAsync<TRequest, TAnswer>(target, request, timeout, cancellationToken);

    /// <inheritdoc cref="MessageSender.SendFailure"/>
    public void SendFailure(int source, int target, uint correlation, FrameCode code, FailureText text) =>
        _sender.SendFailure(source, target, correlation, code, text);

    /// <inheritdoc cref="MessageSender.SendArrival"/>
    public void SendArrival(int source, int target, uint correlation) => _sender.SendArrival(source, target, correlation);

    /// <inheritdoc cref="MessageSender.SendCancel"/>
    public void SendCancel(int source, int target, uint correlation) => _sender.SendCancel(source, target, correlation);

    /// <inheritdoc cref="ReceiveWindow.Arrived"/>
    public void Arrived(in FrameHeader header) => _window.Arrived(header);

    /// <inheritdoc cref="ReceiveWindow.Handled"/>
    public void Handled(int bytes) => _window.Handled(bytes);

    /// <summary>Takes a frame for this process. Called on the link's reading thread. Returns the program's code that is to run because of it.</summary>
    /// <exception cref="InvalidDataException">The frame cannot be.</exception>
    public IThreadPoolWorkItem? Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        var body = frame[header.BodyStart..];
        switch (header.Kind)
        {
            case FrameKind.Message:
                _inbox.Add(frame, ref rented);
                break;
            case FrameKind.Request:
                return _calls.Begin(RequestCall.Rent(_calls, header, frame, ref rented));
            case FrameKind.Answer:
                return _requests.Answered(header, body);
            case FrameKind.Failure:
                _requests.Failed(header, body);
                break;
            case FrameKind.Cancel:
                _calls.Cancel(header.Source, header.Correlation);
                break;
            case FrameKind.Credit:
                if (!Outbox.TryGiveRoom(header.Correlation))
                    throw new InvalidDataException($"it says that it has handled {header.Correlation} bytes of messages; so many were not sent to it.");
                break;
            case FrameKind.Notice:
                _sender.Noticed(header, frame.Slice(FrameHeader.Size, header.NameLength), body);
                break;
        }
        return null;
    }

    /// <summary>Ends receiving, as the link has ended. Messages that came are handled; requests are called off, as nobody waits for them.</summary>
    public void EndReceiving()
    {
        _scope.Handlers.Added -= HandlerAdded;
        _inbox.End();
        _calls.CancelAll();
    }

    /// <summary>Stops sending: the peer has ended the link. Requests that wait are failed by <see cref="FailPending"/>.</summary>
    /// <param name="reason">The peer that is gone, for people.</param>
    public void StopSending(string reason) => _sender.Stop(reason);

    /// <summary>Fails all requests that wait for the peer, naming why.</summary>
    public void FailPending(string reason)
    {
        _requests.FailPending(reason);
        _clock.Stop();
    }

    private void HandlerAdded()
    {
        _calls.StartUnhandled();
        _inbox.HandleKept();
    }

    private bool Tick(long now)
    {
        _requests.FailOverdue(now);
        _calls.FailUnhandled(now);
        return _requests.HasPending || _calls.HasUnhandled;
    }
}
