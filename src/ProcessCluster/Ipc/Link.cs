using System.Buffers.Binary;
using ProcessCluster.Platform;
using ProcessCluster.Wire;

namespace ProcessCluster.Ipc;

/// <summary>
/// The two pipes between a primary and a worker, seen from either side. A thread of its own reads, so that the end of the peer is
/// seen at once, however busy the thread pool is. Writing never blocks: control messages are few and small, and a peer that lets
/// 64 KiB of them pile up is cut off.
/// </summary>
internal sealed class Link : IDisposable
{
    private const int ReaderStackBytes = 256 * 1024;

    private readonly Descriptor _read;
    private readonly Descriptor _write;
    private readonly Action<ControlMessage> _received;
    private readonly Action<string?> _closed;
    private readonly Thread _reader;
    private int _isClosed;

    /// <param name="read">The pipe from the peer; taken over.</param>
    /// <param name="write">The pipe to the peer; taken over.</param>
    /// <param name="name">The reading thread's name.</param>
    /// <param name="received">Called on the reading thread with each message; reading goes on when it returns.</param>
    /// <param name="closed">Called once, on the reading thread, with the peer's fault or null at the plain end.</param>
    public Link(Descriptor read, Descriptor write, string name, Action<ControlMessage> received, Action<string?> closed)
    {
        (_read, _write, _received, _closed) = (read, write, received, closed);
        Pipe.MakeNonBlocking(write);
        _reader = new Thread(Read, ReaderStackBytes) { Name = name, IsBackground = true };
    }

    public void Start() => _reader.UnsafeStart();

    /// <summary>Sends a message; false when the link is closed or the peer does not read, which closes it.</summary>
    public bool TrySend(ControlMessage message)
    {
        if (_isClosed != 0)
            return false;
        Span<byte> frame = stackalloc byte[ControlCodec.MaxFrame];
        var length = ControlCodec.Encode(message, frame);
        try
        {
            if (Pipe.TryWrite(_write, frame[..length]))
                return true;
        }
        catch (ObjectDisposedException)
        {
            return false; // Closed between the check and the call.
        }
        CloseWriting();
        return false;
    }

    /// <summary>Closes this side. The peer sees the end; the reading thread ends when the peer does, and tells nobody any more.</summary>
    public void Dispose()
    {
        Interlocked.Exchange(ref _isClosed, 1);
        _write.Dispose();
        _read.Dispose(); // The handle waits for a read that is under way.
    }

    /// <summary>The peer sees the end of this side; what it does is still seen here.</summary>
    public void CloseWriting() => _write.Dispose();

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
            _closed(fault);
    }

    private void ReadFrames()
    {
        var buffer = new byte[ControlCodec.MaxFrame];
        while (ReadWhole(buffer.AsSpan(0, ControlCodec.LengthSize)))
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(buffer);
            if (length is < 1 or > ControlCodec.MaxFrame - ControlCodec.LengthSize)
                throw new InvalidDataException($"A control frame says that it has {length} bytes; 1 to {ControlCodec.MaxFrame - ControlCodec.LengthSize} can be.");
            if (!ReadWhole(buffer.AsSpan(0, length)))
                return;
            _received(ControlCodec.Decode(buffer.AsSpan(0, length)));
        }
    }

    private bool ReadWhole(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var read = Pipe.Read(_read, bytes);
            if (read == 0)
                return false;
            bytes = bytes[read..];
        }
        return true;
    }
}
