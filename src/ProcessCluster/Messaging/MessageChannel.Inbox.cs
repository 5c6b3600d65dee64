using System.Text;
using ProcessCluster.Messaging.Link;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>What comes: messages are handled one after another on the thread pool, and kept as long as they have no handler.</summary>
internal sealed partial class MessageChannel : IThreadPoolWorkItem
{
    /// <summary>Messages that are kept for a handler to come, in number and bytes, for each channel.</summary>
    private const int MaxKept = 1024, MaxKeptBytes = Outbox.Window / 2;

    private readonly Lock _inboxGate = new();
    private readonly FrameQueue _inbox = new();
    private readonly Dictionary<byte[], Queue<FrameBytes>> _kept = new(NameComparer.Instance);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<Exception> _handlerFailed; // Once: a delegate for each message would be an object for each.
    private int _keptCount;
    private int _keptBytes;
    private bool _isHandling;
    private bool _isEnding;
    private bool _lookAtKept;

    /// <summary>Completes when the link has ended and all messages that came before were handled.</summary>
    public Task Drained => _drained.Task;

    /// <summary>A frame for this process. Called on the link's reading thread; gives the program's code that is to run because of it.</summary>
    /// <exception cref="InvalidDataException">It cannot be.</exception>
    public IThreadPoolWorkItem? Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        var body = frame[header.BodyStart..];
        switch (header.Kind)
        {
            case FrameKind.Message:
                Begin(frame, ref rented);
                break;
            case FrameKind.Request:
                return Begin(RequestCall.Rent(this, header, frame, ref rented));
            case FrameKind.Answer:
                return Answered(header, body);
            case FrameKind.Failure:
                Failed(header, body);
                break;
            case FrameKind.Cancel:
                CancelCall(header.Source, header.Correlation);
                break;
            case FrameKind.Credit:
                if (!_outbox.TryGiveRoom(header.Correlation))
                    throw new InvalidDataException($"it says that it has handled {header.Correlation} bytes of messages; so many were not sent to it.");
                break;
            case FrameKind.Notice:
                Noticed(header, frame.Slice(FrameHeader.Size, header.NameLength), body);
                break;
        }
        return null;
    }

    /// <summary>The link has ended: nothing more comes. What came is handled; requests are called off, as nobody waits for them.</summary>
    public void EndReceiving()
    {
        _scope.Handlers.Added -= HandlerAdded;
        lock (_inboxGate)
        {
            _isEnding = true;
            if (!_isHandling)
                _drained.TrySetResult();
        }
        CancelAllCalls();
    }

    void IThreadPoolWorkItem.Execute() => _ = HandleMessagesAsync();

    private void Begin(ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        lock (_inboxGate)
        {
            _inbox.Add(frame, rented);
            rented = default;
            if (_isHandling)
                return;
            _isHandling = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void HandlerAdded()
    {
        StartUnhandled();
        lock (_inboxGate)
        {
            _lookAtKept = true;
            if (_isHandling)
                return;
            _isHandling = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private async Task HandleMessagesAsync()
    {
        while (true)
        {
            FrameBytes frames;
            bool lookAtKept;
            lock (_inboxGate)
            {
                lookAtKept = _lookAtKept;
                _lookAtKept = false;
                if (!_inbox.TryTake(out frames) && !lookAtKept)
                {
                    _isHandling = false;
                    if (_isEnding)
                        _drained.TrySetResult();
                    return;
                }
            }
            if (lookAtKept)
                await HandleKeptAsync().ConfigureAwait(false);
            for (var at = 0; at < frames.Length;)
            {
                var header = FrameHeader.Read(frames.Memory.Span[at..]);
                await HandleAsync(header, frames.Memory.Slice(at, header.Length)).ConfigureAwait(false);
                at += header.Length;
            }
            frames.Return();
        }
    }

    private ValueTask HandleAsync(in FrameHeader header, ReadOnlyMemory<byte> frame)
    {
        var name = frame.Span.Slice(FrameHeader.Size, header.NameLength);
        if (_scope.Handlers.FindMessage(name) is not { } route)
        {
            // Kept or dropped, it takes no more room: what is kept has limits of its own, and must not hold up messages of other types.
            Keep(header, name, frame.Span);
            Handled(header.Length);
            return ValueTask.CompletedTask;
        }
        if (_keptCount > 0 && _kept.GetAlternateLookup<ReadOnlySpan<byte>>().ContainsKey(name))
            return HandleAfterKeptAsync(header, frame);
        return HandleAsync(route, header, frame, header.Length);
    }

    private async ValueTask HandleAfterKeptAsync(FrameHeader header, ReadOnlyMemory<byte> frame)
    {
        await HandleKeptAsync().ConfigureAwait(false);
        await HandleAsync(header, frame).ConfigureAwait(false);
    }

    /// <summary>Has it handled, and then gives back the room that it takes.</summary>
    private ValueTask HandleAsync(MessageRoute route, in FrameHeader header, ReadOnlyMemory<byte> frame, int room)
    {
        try
        {
            var task = route.HandleAsync(frame[header.BodyStart..], new MessageContext(header.Source, null), _scope.Serializer, _handlerFailed);
            if (!task.IsCompletedSuccessfully)
                return FinishAsync(task, room);
        }
        catch (Exception exception)
        {
            Unreadable(header, frame.Span, exception); // Whatever the type's own code threw: this message is lost, and both sides know.
        }
        Handled(room);
        return ValueTask.CompletedTask;
    }

    private async ValueTask FinishAsync(ValueTask handling, int room)
    {
        await handling.ConfigureAwait(false);
        Handled(room);
    }

    private void Unreadable(in FrameHeader header, ReadOnlySpan<byte> frame, Exception exception)
    {
        var name = frame.Slice(FrameHeader.Size, header.NameLength);
        if (MayLog())
            _scope.Logger.MessageUnreadable(Encoding.UTF8.GetString(name), Who(header.Source), exception);
        if (header.Source == _peer)
            SendNotice(FrameCode.Unreadable, name, exception.Message);
    }

    /// <summary>No handler yet: it waits for one, and past the limit its sender is told to send no more.</summary>
    private void Keep(in FrameHeader header, ReadOnlySpan<byte> name, ReadOnlySpan<byte> frame)
    {
        if (_keptCount == MaxKept || _keptBytes + frame.Length > MaxKeptBytes)
        {
            if (MayLog())
                _scope.Logger.MessageDropped(Encoding.UTF8.GetString(name), Who(header.Source), _keptCount);
            SendNotice(FrameCode.NoHandler, name);
            return;
        }
        if (!_kept.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out var queue))
            _kept.Add(name.ToArray(), queue = new Queue<FrameBytes>());
        queue.Enqueue(FrameBytes.Copy(frame));
        _keptCount++;
        _keptBytes += frame.Length;
    }

    private async ValueTask HandleKeptAsync()
    {
        foreach (var (name, queue) in _kept.ToArray())
        {
            if (_scope.Handlers.FindMessage(name) is not { } route)
                continue;
            while (queue.TryDequeue(out var kept))
            {
                _keptCount--;
                _keptBytes -= kept.Length;
                await HandleAsync(route, FrameHeader.Read(kept.Memory.Span), kept.Memory, room: 0).ConfigureAwait(false);
                kept.Return();
            }
            _kept.Remove(name);
            SendNotice(FrameCode.HandlerReady, name);
        }
    }
}
