using System.Diagnostics;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging.Links;

/// <summary>
/// The queue of frames for the peer of a link. Whoever adds a frame writes it himself if nobody is writing; what is added meanwhile goes out with the
/// next write. Messages have room for <see cref="Window"/> bytes that the peer has not handled: past it their senders wait in line.
/// Thread-safe; adding and writing allocate nothing in steady state.
/// </summary>
internal sealed class Outbox : EventLoop.Watch, IThreadPoolWorkItem, IDisposable
{
    /// <summary>Bytes of messages that the peer has not handled.</summary>
    public const int Window = 1024 * 1024;

    /// <summary>The peer gives room back in steps of at least so many bytes.</summary>
    public const int CreditStep = Window / 16;

    /// <summary>Senders in this process that wait for room. What is passed on for another one is bounded by that one's own window.</summary>
    public const int MaxWaiting = 16 * 1024;

    /// <summary>Bytes that a peer may let pile up which does not read its pipe: past it answers are dropped, and a control message closes the link.</summary>
    private const int MaxUnread = Window + (4 * 1024 * 1024);

    /// <summary>The size of the pipe: both ends can work at the same time. The system allows a user 64 MiB for all pipes.</summary>
    private const int PipeBytes = 512 * 1024;

    /// <summary>Messages in shorter succession than this go out together, as each write costs a system call.</summary>
    private static readonly long Succession = Stopwatch.Frequency / 100_000;

    private readonly Lock _gate = new();
    private readonly OutgoingFrames _frames = new();
    private readonly Descriptor _pipe;
    private readonly EventLoop _loop;
    private readonly Action _overrun;
    private TaskCompletionSource? _allWritten;
    private FrameBytes _current;
    private int _written;
    private long _lastWrite;
    private OutboxState _state;
    private bool _isClosing;
    private bool _takesOnlyControl;

    /// <param name="pipe">The pipe to the peer; taken over.</param>
    /// <param name="loop">Tells when a full pipe has room again.</param>
    /// <param name="isHeld">True when nothing is written before <see cref="Release"/>.</param>
    /// <param name="overrun">Told when the peer lets too much pile up.</param>
    public Outbox(Descriptor pipe, EventLoop loop, bool isHeld, Action overrun)
    {
        _pipe = pipe;
        _loop = loop;
        _overrun = overrun;
        _state = isHeld ? OutboxState.Held : OutboxState.Idle;
        Pipe.MakeNonBlocking(pipe);
        Pipe.Enlarge(pipe, PipeBytes);
        loop.Add(this, pipe.Number, EpollEvents.OneShot);
    }

    /// <summary>Gets the program's traffic so far, without what waits for room.</summary>
    public LinkFigures Sent => _frames.Sent;

    /// <summary>Completes when all that was added is written, or nothing can be written any more.</summary>
    public Task Written()
    {
        lock (_gate)
        {
            if (_state is OutboxState.Idle or OutboxState.Ended)
                return Task.CompletedTask;
            _allWritten ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _allWritten.Task;
        }
    }

    /// <summary>Adds a frame that takes no room; false when the outbox is closed, or the peer lets too much pile up.</summary>
    public bool TryAdd(ReadOnlySpan<byte> frame, FrameUrgency urgency)
    {
        Step step;
        lock (_gate)
        {
            if (_state == OutboxState.Ended || _isClosing || (_takesOnlyControl && urgency != FrameUrgency.Control))
                return false;
            var isOverrun = _frames.Bytes + _current.Length > MaxUnread;
            if (isOverrun && urgency != FrameUrgency.Control)
                return false; // It reads nothing: whoever waits for this there has a deadline.
            _frames.Add(frame);
            step = isOverrun ? Step.Overrun : Next(urgency);
        }
        return Do(step);
    }

    /// <summary>
    /// Adds a message: null when it is on its way; else its sender waits for room, in line. False when the outbox is closed.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="rented">The same bytes if they are rented; taken over, whatever comes of it. Else the frame is copied.</param>
    /// <param name="maxWaiting">The number of messages that may wait already.</param>
    /// <param name="waiter">The waiter, if there is no room.</param>
    /// <exception cref="ClusterException">Too many senders wait already.</exception>
    public bool TryAddMessage(ReadOnlySpan<byte> frame, FrameBytes rented, int maxWaiting, out SendWaiter? waiter)
    {
        Step step;
        lock (_gate)
        {
            waiter = null;
            if (_state == OutboxState.Ended || _isClosing || _takesOnlyControl)
            {
                rented.Return();
                return false;
            }
            if (_frames.IsRoomExhausted)
            {
                waiter = _frames.Wait(frame, rented, maxWaiting);
                return true;
            }
            _frames.AddMessage(frame, rented);
            step = Next(FrameUrgency.Message);
        }
        return Do(step);
    }

    /// <summary>The peer has handled so many bytes of messages. False when it cannot have: so many were not written to it.</summary>
    public bool TryGiveRoom(long bytes)
    {
        Step step;
        lock (_gate)
        {
            if (!_frames.TryGiveRoom(bytes, out var hasMore))
                return false;
            if (!hasMore)
                return true;
            step = Next(FrameUrgency.Message);
        }
        Do(step);
        return true;
    }

    /// <summary>The peer is ready: what has gathered is written.</summary>
    public void Release()
    {
        lock (_gate)
        {
            if (_state != OutboxState.Held)
                return;
            _state = OutboxState.Writing;
        }
        Write();
    }

    /// <summary>The peer does not answer any more, though it may still read: control messages go on, nothing else. Those who wait for room are told.</summary>
    public void TakeOnlyControl()
    {
        lock (_gate)
        {
            _takesOnlyControl = true;
        }
        FailWaiters();
    }

    /// <summary>Writes what is there and closes: the peer sees the end. Nothing can be added any more; those who wait for room are told.</summary>
    public void Close()
    {
        Step step;
        lock (_gate)
        {
            if (_isClosing || _state == OutboxState.Ended)
                return;
            _isClosing = true;
            step = Next(FrameUrgency.Control);
        }
        Do(step);
    }

    /// <summary>Closes at once; what was not written is lost.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_state == OutboxState.Ended)
                return;
            var isWriting = _state == OutboxState.Writing;
            _state = OutboxState.Ended;
            _frames.Clear();
            // The writer sees the end and gives its buffer back itself.
            if (!isWriting)
                ReturnCurrent();
            _loop.Remove(this, _pipe.Number);
            _pipe.Dispose();
        }
        FailWaiters();
        _allWritten?.TrySetResult();
    }

    public override void OnReady(EpollEvents events)
    {
        lock (_gate)
        {
            // Edge or not: it is this that counts.
            if (_state != OutboxState.Blocked)
                return;
            _state = OutboxState.Scheduled;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        lock (_gate)
        {
            if (_state != OutboxState.Scheduled)
                return;
            _state = OutboxState.Writing;
        }
        Write();
    }

    private void FailWaiters()
    {
        SendWaiter[] waiters;
        lock (_gate)
        {
            waiters = _frames.TakeWaiters();
        }
        foreach (var waiter in waiters)
            waiter.Fail();
    }

    private enum Step
    {
        Nothing,
        Write,
        Schedule,
        Overrun,
    }

    /// <summary>Returns the step of the thread that holds the gate, for when it has left it.</summary>
    private Step Next(FrameUrgency urgency)
    {
        switch (_state)
        {
            case OutboxState.Idle when urgency == FrameUrgency.Message && Stopwatch.GetTimestamp() - _lastWrite < Succession:
                _state = OutboxState.Scheduled;
                return Step.Schedule;
            case OutboxState.Idle:
            case OutboxState.Scheduled when urgency == FrameUrgency.Control:
                _state = OutboxState.Writing;
                return Step.Write;
            default:
                return Step.Nothing;
        }
    }

    private bool Do(Step step)
    {
        switch (step)
        {
            case Step.Write:
                Write();
                break;
            case Step.Schedule:
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                break;
            case Step.Overrun:
                _overrun();
                return false;
        }
        return true;
    }

    /// <summary>Writes until nothing is left or the pipe is full. Called by one thread at a time: the one that set the state.</summary>
    private void Write()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_state == OutboxState.Ended)
                {
                    ReturnCurrent();
                    return;
                }
                if (_written == _current.Length)
                {
                    ReturnCurrent();
                    if (!_frames.TryTake(out _current))
                    {
                        _state = OutboxState.Idle;
                        _lastWrite = Stopwatch.GetTimestamp();
                        _allWritten?.TrySetResult();
                        _allWritten = null;
                        if (!_isClosing)
                            return;
                        break;
                    }
                }
            }
            var written = TryWrite(_current.Array.AsSpan(_written, _current.Length - _written));
            if (written < 0)
            {
                ReturnCurrent(); // Nobody reads any more.
                break;
            }
            _written += written;
            if (written == 0 && !WaitForPipe())
                return;
        }
        Dispose();
    }

    private int TryWrite(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Pipe.Write(_pipe, bytes);
        }
        catch (ObjectDisposedException)
        {
            return 0; // Closed meanwhile: the state says so.
        }
    }

    /// <summary>Has the loop tell when the pipe has room; true when it was closed meanwhile, which the writer then sees.</summary>
    private bool WaitForPipe()
    {
        lock (_gate)
        {
            if (_state == OutboxState.Ended)
                return true;
            _state = OutboxState.Blocked;
            _loop.Change(this, _pipe.Number, EpollEvents.Writable | EpollEvents.OneShot);
            return false;
        }
    }

    private void ReturnCurrent()
    {
        _current.Return();
        _current = default;
        _written = 0;
    }
}
