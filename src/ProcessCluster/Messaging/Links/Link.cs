using System.Buffers.Binary;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging.Links;

/// <summary>Told what comes over a link, on a thread of the link's that reads; reading goes on when it returns. It must not block.</summary>
internal interface ILinkPeer
{
    void Receive(ControlMessage message);

    /// <summary>A frame of a message, whole. The bytes are valid during the call.</summary>
    /// <param name="header">Its beginning.</param>
    /// <param name="frame">All of it.</param>
    /// <param name="rented">The same bytes if they are rented: whoever keeps them sets this to default.</param>
    /// <returns>Code of the program that is to run because of it, which may block; or null.</returns>
    /// <exception cref="InvalidDataException">It is one that the peer may not send.</exception>
    IThreadPoolWorkItem? Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented);

    /// <summary>Called once, last, with the peer's fault or null at the plain end.</summary>
    void Closed(string? fault);
}

/// <summary>
/// The two pipes between a primary and a worker, seen from either side. A thread of its own reads, so that the end of the peer is
/// seen at once, however busy the thread pool is; what goes to the peer is in the <see cref="Outbox"/>. Neither side ever stops reading:
/// the sender is told how much was handled, and waits.
/// Where one frame came alone, the code that it concerns, the handler of a request or who awaits an answer, runs on the reading thread at
/// once: a switch to the thread pool takes as long as the way through the pipe. If it does not return soon, another thread reads.
/// </summary>
internal sealed class Link : IDisposable
{
    /// <summary>A primary has a link to each worker, and most are quiet: the buffer is small until a peer has sent more at once.</summary>
    private const int FirstBufferSize = 4 * 1024;

    private const int BufferSize = 64 * 1024;

    /// <summary>The time for which the program's code runs on the thread pool after some of it has held up a reader.</summary>
    private const int CautionMilliseconds = 1000;

    private static readonly TimeSpan SpareReaderLife = TimeSpan.FromSeconds(10);

    private readonly Descriptor _read;
    private readonly ILinkPeer _peer;
    private readonly Func<int> _maxFrame;
    private readonly string _name;
    private readonly SemaphoreSlim _spareReaders = new(0);
    private byte[] _buffer = NewBuffer(FirstBufferSize);
    private int _start;
    private int _end;
    private long _receivedMessages;
    private long _receivedBytes;
    private int _isClosed;
    private volatile bool _hasEnded;
    private int _spare;
    private long _running;
    private long _lastRun;
    private long _seenRunning;
    private long _seenLast;
    private long _cautiousUntil;

    /// <param name="read">The pipe from the peer; taken over.</param>
    /// <param name="write">The pipe to the peer; taken over.</param>
    /// <param name="loop">Tells when a full pipe has room again.</param>
    /// <param name="name">The reading thread's name.</param>
    /// <param name="maxFrame">Gives the length of the longest frame of a message that is read.</param>
    /// <param name="isHeld">True when nothing is written before <see cref="Outbox.Release"/>.</param>
    /// <param name="peer">Told what comes.</param>
    public Link(Descriptor read, Descriptor write, EventLoop loop, string name, Func<int> maxFrame, bool isHeld, ILinkPeer peer)
    {
        _read = read;
        _maxFrame = maxFrame;
        _name = name;
        _peer = peer;
        Outbox = new Outbox(write, loop, isHeld, Overrun);
    }

    public Outbox Outbox { get; }

    /// <summary>Gets the traffic of the peer's program so far.</summary>
    public LinkFigures Received => new(Volatile.Read(ref _receivedMessages), Volatile.Read(ref _receivedBytes));

    /// <summary>Gets whether code of the program runs on the reading thread.</summary>
    public bool IsRunningProgram => Volatile.Read(ref _running) != 0;

    public void Start()
    {
        StalledReaderMonitor.Add(this);
        StartReader();
    }

    /// <summary>Sends a control message; false when the link is closed or the peer does not read, which closes it.</summary>
    public bool TrySend(ControlMessage message)
    {
        Span<byte> frame = stackalloc byte[ControlCodec.MaxFrame];
        var length = ControlCodec.Encode(message, frame);
        return _isClosed == 0 && Outbox.TryAdd(frame[..length], FrameUrgency.Control);
    }

    /// <summary>Closes this side. The peer sees the end; the reading thread ends when the peer does, and tells nobody any more.</summary>
    public void Dispose()
    {
        Interlocked.Exchange(ref _isClosed, 1);
        StalledReaderMonitor.Remove(this);
        Outbox.Dispose();
        if (!_hasEnded)
            Pipe.WakeReader(_read);
        _read.Dispose(); // The handle waits for a read that is under way.
        _spareReaders.Release();
    }

    /// <summary>The peer sees the end of this side after all that was sent; what it does is still seen here.</summary>
    public void CloseWriting() => Outbox.Close();

    private void Overrun() => Outbox.Dispose();

    /// <summary>
    /// If the program's code that ran on the reading thread at the last look is still the same, another thread reads from now on.
    /// Called by <see cref="StalledReaderMonitor"/>; true when there was any such code since the last look.
    /// </summary>
    public bool ReplaceStalledReader()
    {
        var (running, last) = (Volatile.Read(ref _running), Volatile.Read(ref _lastRun));
        var any = running != 0 || last != _seenLast;
        if (running != 0 && running == _seenRunning && Interlocked.CompareExchange(ref _running, 0, running) == running)
        {
            Volatile.Write(ref _cautiousUntil, Environment.TickCount64 + CautionMilliseconds);
            StartReader();
        }
        _seenRunning = running;
        _seenLast = last;
        return any;
    }

    private void StartReader()
    {
        if (Interlocked.Decrement(ref _spare) >= 0)
        {
            _spareReaders.Release();
            return;
        }
        Interlocked.Increment(ref _spare);
        new Thread(ReadUntilReplacedForGood) { Name = _name, IsBackground = true }.UnsafeStart();
    }

    private void ReadUntilReplacedForGood()
    {
        while (!Read() && Volatile.Read(ref _spare) == 0)
        {
            // Replaced while the program's code ran. The next to be replaced may need another reader.
            Interlocked.Increment(ref _spare);
            if (_spareReaders.Wait(SpareReaderLife))
            {
                if (_isClosed != 0)
                    return;
            }
            else if (Interlocked.Decrement(ref _spare) >= 0)
            {
                return;
            }
            else
            {
                Interlocked.Increment(ref _spare);
                _spareReaders.Wait(); // Taken at the last moment: the signal is on its way.
            }
        }
    }

    /// <summary>Reads to the end: true. Or false, when another thread reads now.</summary>
    private bool Read()
    {
        string? fault = null;
        try
        {
            if (!ReadFrames())
                return false;
        }
        catch (InvalidDataException exception)
        {
            fault = exception.Message; // The peer does not speak our language: as good as gone.
        }
        catch (ObjectDisposedException)
        {
            fault = null; // Closed on this side.
        }
        catch (Exception exception)
        {
            fault = $"a message of the peer could not be handled: {exception}"; // One peer's trouble must not end this process.
        }
        StalledReaderMonitor.Remove(this);
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
            _peer.Closed(fault);
        return true;
    }

    private bool ReadFrames()
    {
        while (true)
        {
            while (TryTakeFrame(_buffer.AsSpan(_start, _end - _start), out var missing, out var work))
            {
                if (missing > 0 && !TryReadLarge(missing, out work))
                    return true;
                if (work is not null && !Run(work))
                    return false;
            }
            MakeRoom();
            var read = Pipe.Read(_read, _buffer.AsSpan(_end));
            if (read == 0 || _isClosed != 0)
            {
                _hasEnded = true;
                return true;
            }
            _end += read;
        }
    }

    /// <summary>For the next read: what is left goes to the beginning, in a larger buffer if the last read has filled this one.</summary>
    private void MakeRoom()
    {
        var left = _buffer.AsSpan(_start, _end - _start);
        if (_end == _buffer.Length && _end < BufferSize)
            _buffer = NewBuffer(_end * 2);
        left.CopyTo(_buffer);
        _start = 0;
        _end = left.Length;
    }

    /// <summary>A read that waits pins its buffer all the time: among other objects it would keep the collector from moving them together.</summary>
    private static byte[] NewBuffer(int size) => GC.AllocateUninitializedArray<byte>(size, pinned: true);

    /// <summary>Runs the program's code, here or on the pool; false when another thread reads now.</summary>
    private bool Run(IThreadPoolWorkItem work)
    {
        // More to read comes first: then the pool takes care of each, so that they run at the same time.
        if (_end > _start || Environment.TickCount64 < Volatile.Read(ref _cautiousUntil))
        {
            ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
            return true;
        }
        var ticket = ++_lastRun;
        Volatile.Write(ref _running, ticket);
        StalledReaderMonitor.Begin();
        work.Execute();
        return Interlocked.CompareExchange(ref _running, 0, ticket) == ticket;
    }

    /// <summary>
    /// Handles the frame at the beginning. False when the rest of it is to be read; missing is what a frame still needs that does not fit the buffer.
    /// </summary>
    private bool TryTakeFrame(ReadOnlySpan<byte> bytes, out int missing, out IThreadPoolWorkItem? work)
    {
        missing = 0;
        work = null;
        if (bytes.Length < sizeof(int) + 1)
            return CheckLength(bytes);
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var isControl = bytes[sizeof(int)] < (byte)FrameKind.Message;
        var (least, most) = isControl
            ? (1, ControlCodec.MaxFrame - ControlCodec.LengthSize)
            : (FrameHeader.Size - sizeof(int), _maxFrame() - sizeof(int));
        if (length < least || length > most)
            throw new InvalidDataException($"A {(isControl ? "control" : "message")} frame says that it has {length} bytes; {least} to {most} can be.");

        var whole = length + sizeof(int);
        if (whole > BufferSize)
        {
            missing = whole - bytes.Length;
            return true;
        }
        if (whole > bytes.Length)
            return false;
        _start += whole; // First: what runs because of it may hand over to another thread.
        work = Handle(bytes[..whole], isControl);
        return true;
    }

    private static bool CheckLength(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(bytes) is var length and < 1
            ? throw new InvalidDataException($"A frame says that it has {length} bytes.")
            : false;

    /// <summary>Reads the rest of a frame that does not fit the buffer; false at the end of the link.</summary>
    private bool TryReadLarge(int missing, out IThreadPoolWorkItem? work)
    {
        work = null;
        var begun = _buffer.AsSpan(_start, _end - _start);
        var large = FrameBytes.Rent(begun.Length + missing);
        try
        {
            begun.CopyTo(large.Array);
            _start = _end;
            for (var rest = large.Array.AsSpan(begun.Length, missing); !rest.IsEmpty;)
            {
                var read = Pipe.Read(_read, rest);
                if (read == 0)
                    return false;
                rest = rest[read..];
            }
            Count(large.Span);
            work = _peer.Receive(FrameHeader.Read(large.Span), large.Span, ref large);
            return true;
        }
        finally
        {
            large.Return();
        }
    }

    private IThreadPoolWorkItem? Handle(ReadOnlySpan<byte> frame, bool isControl)
    {
        if (isControl)
        {
            _peer.Receive(ControlCodec.Decode(frame[ControlCodec.LengthSize..]));
            return null;
        }
        Count(frame);
        var none = default(FrameBytes);
        return _peer.Receive(FrameHeader.Read(frame), frame, ref none);
    }

    /// <summary>By whoever reads now.</summary>
    private void Count(ReadOnlySpan<byte> frame)
    {
        if (!FrameHeader.IsProgram(frame))
            return;
        _receivedMessages++;
        _receivedBytes += frame.Length;
    }
}
