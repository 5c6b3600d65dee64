using System.Buffers;
using System.Buffers.Binary;
using ProcessCluster.Platform;
using ProcessCluster.Wire;

namespace ProcessCluster.Ipc;

/// <summary>Told what comes over a link, on the link's reading thread; reading goes on when it returns. It must not block.</summary>
internal interface ILinkPeer
{
    void Receive(ControlMessage message);

    /// <summary>A frame of a message, whole. The bytes are valid during the call.</summary>
    /// <exception cref="InvalidDataException">It is one that the peer may not send.</exception>
    void Receive(in FrameHeader header, ReadOnlySpan<byte> frame);

    /// <summary>Called once, last, with the peer's fault or null at the plain end.</summary>
    void Closed(string? fault);
}

/// <summary>
/// The two pipes between a primary and a worker, seen from either side. A thread of its own reads, so that the end of the peer is
/// seen at once, however busy the thread pool is; what goes to the peer is in the <see cref="Outbox"/>. Neither side ever stops reading:
/// the sender is told how much was handled, and waits.
/// </summary>
internal sealed class Link : IDisposable
{
    private const int ReaderStackBytes = 256 * 1024;
    private const int BufferSize = 64 * 1024;

    private readonly Descriptor _read;
    private readonly ILinkPeer _peer;
    private readonly Func<int> _maxFrame;
    private readonly Thread _reader;
    private byte[] _buffer = new byte[BufferSize];
    private int _isClosed;

    /// <param name="read">The pipe from the peer; taken over.</param>
    /// <param name="write">The pipe to the peer; taken over.</param>
    /// <param name="loop">Tells when a full pipe has room again.</param>
    /// <param name="name">The reading thread's name.</param>
    /// <param name="maxFrame">Gives the length of the longest frame of a message that is read.</param>
    /// <param name="isHeld">Whether nothing is written before <see cref="Outbox.Release"/>.</param>
    /// <param name="peer">Told what comes.</param>
    public Link(Descriptor read, Descriptor write, EventLoop loop, string name, Func<int> maxFrame, bool isHeld, ILinkPeer peer)
    {
        (_read, _maxFrame, _peer) = (read, maxFrame, peer);
        Outbox = new Outbox(write, loop, isHeld, Overrun);
        _reader = new Thread(Read, ReaderStackBytes) { Name = name, IsBackground = true };
    }

    public Outbox Outbox { get; }

    public void Start() => _reader.UnsafeStart();

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
        Outbox.Dispose();
        _read.Dispose(); // The handle waits for a read that is under way.
    }

    /// <summary>The peer sees the end of this side after all that was sent; what it does is still seen here.</summary>
    public void CloseWriting() => Outbox.Close();

    private void Overrun() => Outbox.Dispose();

    private void Read()
    {
        string? fault = null;
        try
        {
            ReadFrames();
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
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
            _peer.Closed(fault);
    }

    private void ReadFrames()
    {
        var (start, end) = (0, 0);
        while (true)
        {
            var read = Pipe.Read(_read, _buffer.AsSpan(end));
            if (read == 0)
                return;
            end += read;
            while (TryTakeFrame(_buffer.AsSpan(start, end - start), out var taken, out var missing))
            {
                start += taken;
                if (missing > 0)
                {
                    if (!ReadLarge(_buffer.AsSpan(start, end - start), missing))
                        return;
                    start = end;
                }
            }
            _buffer.AsSpan(start, end - start).CopyTo(_buffer);
            (start, end) = (0, end - start);
        }
    }

    /// <summary>
    /// Handles the frame at the beginning. False when the rest of it is to be read; missing is what a frame still needs that does not fit the buffer.
    /// </summary>
    private bool TryTakeFrame(ReadOnlySpan<byte> bytes, out int taken, out int missing)
    {
        (taken, missing) = (0, 0);
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
        Handle(bytes[..whole], isControl);
        taken = whole;
        return true;
    }

    private static bool CheckLength(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(bytes) is var length and < 1
            ? throw new InvalidDataException($"A frame says that it has {length} bytes.")
            : false;

    private bool ReadLarge(ReadOnlySpan<byte> begun, int missing)
    {
        var length = begun.Length + missing;
        var large = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            begun.CopyTo(large);
            for (var rest = large.AsSpan(begun.Length, missing); !rest.IsEmpty;)
            {
                var read = Pipe.Read(_read, rest);
                if (read == 0)
                    return false;
                rest = rest[read..];
            }
            Handle(large.AsSpan(0, length), isControl: false);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(large);
        }
    }

    private void Handle(ReadOnlySpan<byte> frame, bool isControl)
    {
        if (isControl)
            _peer.Receive(ControlCodec.Decode(frame[ControlCodec.LengthSize..]));
        else
            _peer.Receive(FrameHeader.Read(frame), frame);
    }
}
