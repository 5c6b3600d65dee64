using System.Text;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>The sending side of a <see cref="MessageChannel"/>: frames for the peer, and the room that the peer has for them. Thread-safe.</summary>
internal sealed class MessageSender
{
    /// <summary>Types that are remembered as having no handler at the peer.</summary>
    private const int MaxRefused = 1024;

    /// <summary>The number of faulty messages that are logged at once; then one a second. A peer must not fill the log.</summary>
    private const int MaxLogged = 20;

    /// <summary>The longest text of the peer's that is logged.</summary>
    private const int MaxLoggedText = 1024;

    private readonly int _self;
    private readonly int _peer;
    private readonly string _peerName;
    private readonly MessagingScope _scope;
    private readonly Outbox _outbox;
    private readonly RateLimit _logged;
    private volatile HashSet<byte[]> _refused = new(NameComparer.Instance);
    private volatile string? _closedBecause;

    public MessageSender(int self, int peer, string peerName, Outbox outbox, MessagingScope scope)
    {
        _self = self;
        _peer = peer;
        _peerName = peerName;
        _outbox = outbox;
        _scope = scope;
        _logged = new RateLimit(scope.Time, MaxLogged, perSecond: 1);
    }

    /// <summary>Gets the number of this process.</summary>
    public int Self => _self;

    /// <summary>Gets the number at the other end.</summary>
    public int Peer => _peer;

    /// <summary>Gets the queue of frames to the peer.</summary>
    public Outbox Outbox => _outbox;

    /// <exception cref="ClusterMessageException">The peer keeps as many messages of the type as it may, and has no handler.</exception>
    public void ThrowIfRefused<T>(byte[] name)
    {
        if (_refused.Contains(name))
        {
            throw new ClusterMessageException(
                $"{_peerName} has no handler for {typeof(T)} and keeps as many messages as it may. Add one there with OnMessage<{typeof(T).Name}>.");
        }
    }

    /// <summary>Stops sending: the peer has ended the link.</summary>
    /// <param name="reason">The peer that is gone, for people.</param>
    public void Stop(string reason)
    {
        _closedBecause ??= reason;
        _outbox.TakeOnlyControl();
    }

    /// <summary>Notes why nothing can be sent any more.</summary>
    public void Close(string reason) => _closedBecause = reason;

    /// <summary>Writes the message and adds it to the outbox; not null when it has to wait for room there.</summary>
    public SendWaiter? Post<T>(FrameKind kind, byte[] name, int target, uint correlation, in T message)
    {
        var options = _scope.Options;
        var writer = FrameWriter.Begin(name, typeof(T).Name, options.MaxMessageBytes);
        try
        {
            _scope.Serializer.Serialize(message, writer);
            var frame = writer.End(kind, FrameCode.None, name.Length, target, _self, correlation);
            return _outbox.TryAddMessage(frame, writer.Detach(), Outbox.MaxWaiting, out var waiter) ? waiter : throw Gone();
        }
        finally
        {
            writer.Return();
        }
    }

    public async ValueTask WaitAsync(SendWaiter waiter, CancellationToken cancellationToken)
    {
        var timeout = _scope.Options.SendTimeout;
        try
        {
            if (!await waiter.Sent.WaitAsync(timeout, _scope.Time, cancellationToken).ConfigureAwait(false))
                throw Gone();
        }
        catch (OperationCanceledException) when (!waiter.TryGiveUp())
        {
            return; // It was on its way a moment before.
        }
        catch (TimeoutException) when (!waiter.TryGiveUp())
        {
            return; // As above.
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(
                $"{_peerName} has handled too little in {timeout} for another message to be sent: {Outbox.Window} bytes wait for it.");
        }
    }

    /// <summary>The answer to a request.</summary>
    public void Answer<T>(RequestCall call, in T answer)
    {
        var options = _scope.Options;
        var writer = FrameWriter.Begin([], typeof(T).Name, options.MaxMessageBytes);
        try
        {
            _scope.Serializer.Serialize(answer, writer);
            _outbox.TryAdd(writer.End(FrameKind.Answer, FrameCode.None, 0, call.Source, _self, call.Correlation), FrameUrgency.Answer);
        }
        finally
        {
            writer.Return();
        }
    }

    /// <summary>Tells the requester, or the sender of a message that wants to know, why it did not get on.</summary>
    /// <param name="source">The receiver of the request.</param>
    /// <param name="target">The requester.</param>
    /// <param name="correlation">The request's number.</param>
    /// <param name="code">The kind of failure.</param>
    /// <param name="text">For people.</param>
    public void SendFailure(int source, int target, uint correlation, FrameCode code, FailureText text) =>
        Send(FrameKind.Failure, code, [], source, target, correlation, text.Encode());

    /// <summary>Tells the sender of a message that it got on.</summary>
    public void SendArrival(int source, int target, uint correlation) => Send(FrameKind.Answer, FrameCode.None, [], source, target, correlation, []);

    /// <summary>Tells who was asked that nobody waits for the answer any more.</summary>
    public void SendCancel(int source, int target, uint correlation) => Send(FrameKind.Cancel, FrameCode.None, [], source, target, correlation, []);

    /// <summary>Tells the peer of a type of messages.</summary>
    public void SendNotice(FrameCode code, ReadOnlySpan<byte> name, string text = "") =>
        // That there is a handler must not be lost: until the peer knows it, it sends no message of the type.
        Send(FrameKind.Notice, code, name, _self, _peer, 0, Encoding.UTF8.GetBytes(text), code == FrameCode.HandlerReady ? FrameUrgency.Control : FrameUrgency.Answer);

    /// <summary>Sends a frame. Returns false when the peer is gone, or reads nothing: whoever waits for it has a deadline.</summary>
    public bool Send(
        FrameKind kind,
        FrameCode code,
        ReadOnlySpan<byte> name,
        int source,
        int target,
        uint correlation,
        ReadOnlySpan<byte> body,
        FrameUrgency urgency = FrameUrgency.Answer)
    {
        var header = new FrameHeader(body.Length, kind, (byte)name.Length, code, target, source, correlation);
        Span<byte> frame = header.Length <= 512 ? stackalloc byte[header.Length] : new byte[header.Length];
        header.Write(frame);
        name.CopyTo(frame[FrameHeader.Size..]);
        body.CopyTo(frame[header.BodyStart..]);
        return _outbox.TryAdd(frame, urgency);
    }

    /// <summary>Takes a notice of the peer.</summary>
    /// <exception cref="InvalidDataException">It means nothing.</exception>
    public void Noticed(in FrameHeader header, ReadOnlySpan<byte> name, ReadOnlySpan<byte> body)
    {
        switch (header.Code)
        {
            case FrameCode.NoHandler when _refused.Count < MaxRefused:
                _refused = new HashSet<byte[]>(_refused, NameComparer.Instance) { name.ToArray() };
                break;
            case FrameCode.NoHandler:
                break; // More types than a program has: the messages are dropped there all the same.
            case FrameCode.HandlerReady:
                var fewer = new HashSet<byte[]>(_refused, NameComparer.Instance);
                fewer.Remove(name.ToArray());
                _refused = fewer;
                break;
            case FrameCode.Unreadable:
                if (MayLog())
                    _scope.Logger.MessageUnreadableThere(_peerName, Encoding.UTF8.GetString(name), Encoding.UTF8.GetString(body[..Math.Min(body.Length, MaxLoggedText)]));
                break;
            default:
                throw new InvalidDataException($"A notice has the unknown code {(ushort)header.Code}.");
        }
    }

    /// <summary>Returns whether a fault of a message may be logged: a peer must not fill the log.</summary>
    public bool MayLog()
    {
        lock (_logged)
            return _logged.TryTake();
    }

    /// <summary>Returns the exception for whoever sends after the link has ended.</summary>
    public PeerGoneException Gone() => new(_closedBecause ?? $"The link to {_peerName} is closed.");

    /// <summary>Returns the name of a process of the cluster, for people.</summary>
    public string Who(int process) => process == _peer ? _peerName : process == FrameHeader.Primary ? "the primary" : $"worker {process}";
}
