using System.Text;
using ProcessCluster.Diagnostics;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>Messages from the other side. They are handled one after another on the thread pool, and kept as long as they have no handler. Thread-safe.</summary>
internal sealed class MessageInbox : IThreadPoolWorkItem
{
    /// <summary>Messages that are kept for a handler to come, in number and bytes, for each channel.</summary>
    private const int MaxKept = 1024, MaxKeptBytes = Outbox.Window / 2;

    private readonly Lock _gate = new();
    private readonly FrameQueue _frames = new();
    private readonly Dictionary<byte[], Queue<FrameBytes>> _kept = new(NameComparer.Instance);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<Exception> _handlerFailed; // Once: a delegate for each message would be an object for each.
    private readonly MessageSender _sender;
    private readonly ReceiveWindow _window;
    private readonly MessagingScope _scope;
    private int _keptCount;
    private int _keptBytes;
    private bool _isHandling;
    private bool _isEnding;
    private bool _hasHandlers;

    public MessageInbox(MessageSender sender, ReceiveWindow window, MessagingScope scope, string peerName)
    {
        _sender = sender;
        _window = window;
        _scope = scope;
        _handlerFailed = exception => scope.Logger.MessageHandlerFailed(peerName, exception);
    }

    /// <summary>Gets a task that completes when the link has ended and all messages that came before were handled.</summary>
    public Task Drained => _drained.Task;

    /// <summary>Ends the inbox: nothing more comes. What came is handled.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isEnding = true;
            if (!_isHandling)
                _drained.TrySetResult();
        }
    }

    void IThreadPoolWorkItem.Execute() => _ = HandleMessagesAsync();

    /// <summary>Takes a message, and the rented frame with it.</summary>
    public void Add(ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        lock (_gate)
        {
            _frames.Add(frame, rented);
            rented = default;
            if (_isHandling)
                return;
            _isHandling = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Has messages handled that were kept until there is a handler.</summary>
    public void HandleKept()
    {
        lock (_gate)
        {
            _hasHandlers = true;
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
            bool hasHandlers;
            lock (_gate)
            {
                hasHandlers = _hasHandlers;
                _hasHandlers = false;
                if (!_frames.TryTake(out frames) && !hasHandlers)
                {
                    _isHandling = false;
                    if (_isEnding)
                        _drained.TrySetResult();
                    return;
                }
            }
            if (hasHandlers)
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
            _window.Handled(header.Length);
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
        _window.Handled(room);
        return ValueTask.CompletedTask;
    }

    private async ValueTask FinishAsync(ValueTask handling, int room)
    {
        await handling.ConfigureAwait(false);
        _window.Handled(room);
    }

    private void Unreadable(in FrameHeader header, ReadOnlySpan<byte> frame, Exception exception)
    {
        var name = frame.Slice(FrameHeader.Size, header.NameLength);
        if (_sender.MayLog())
            _scope.Logger.MessageUnreadable(Encoding.UTF8.GetString(name), _sender.Who(header.Source), exception);
        if (header.Source == _sender.Peer)
            _sender.SendNotice(FrameCode.Unreadable, name, exception.Message);
    }

    /// <summary>No handler yet: it waits for one, and past the limit its sender is told to send no more.</summary>
    private void Keep(in FrameHeader header, ReadOnlySpan<byte> name, ReadOnlySpan<byte> frame)
    {
        if (_keptCount == MaxKept || _keptBytes + frame.Length > MaxKeptBytes)
        {
            if (_sender.MayLog())
                _scope.Logger.MessageDropped(Encoding.UTF8.GetString(name), _sender.Who(header.Source), _keptCount);
            _sender.SendNotice(FrameCode.NoHandler, name);
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
            _sender.SendNotice(FrameCode.HandlerReady, name);
        }
    }
}
