using System.Buffers;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>Writes a message with its frame around it. Each thread has one, so that sending allocates nothing.</summary>
internal sealed class FrameWriter : IBufferWriter<byte>
{
    private const int FirstSize = 4 * 1024;

    [ThreadStatic]
    private static FrameWriter? _spare;

    private readonly byte[] _own = new byte[FirstSize];
    private byte[] _buffer;
    private int _used;
    private int _max;
    private string _type = "";

    private FrameWriter() => _buffer = _own;

    /// <summary>Begins a frame.</summary>
    /// <param name="name">The wire name of the type, which is part of the frame.</param>
    /// <param name="type">For the error.</param>
    /// <param name="maxFrame">The longest frame that may be sent.</param>
    public static FrameWriter Begin(ReadOnlySpan<byte> name, string type, int maxFrame)
    {
        var writer = _spare ?? new FrameWriter();
        _spare = null; // A formatter that sends something itself gets another one.
        writer._type = type;
        writer._max = maxFrame;
        writer._used = FrameHeader.Size + name.Length;
        name.CopyTo(writer._buffer.AsSpan(FrameHeader.Size));
        return writer;
    }

    /// <summary>The whole frame, with its beginning.</summary>
    public ReadOnlySpan<byte> End(FrameKind kind, FrameCode code, int nameLength, int target, int source, uint correlation)
    {
        if (_used > _max)
            throw TooLong(_used);
        var header = new FrameHeader(_used - FrameHeader.Size - nameLength, kind, (byte)nameLength, code, target, source, correlation);
        header.Write(_buffer);
        return _buffer.AsSpan(0, _used);
    }

    /// <summary>The bytes of a large frame, to be handed on; else nothing, and the frame is to be copied.</summary>
    public FrameBytes Detach()
    {
        if (_used < FrameBytes.Large || _buffer == _own)
            return default;
        var bytes = new FrameBytes(_buffer, _used);
        _buffer = _own;
        return bytes;
    }

    /// <summary>Gives the writer back to its thread.</summary>
    public void Return()
    {
        if (_buffer != _own)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = _own;
        _spare = this;
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _used);
        _used += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsSpan(_used);
    }

    private void Reserve(int sizeHint)
    {
        var needed = (long)_used + Math.Max(sizeHint, 1);
        if (needed <= _buffer.Length)
            return;
        // A writer may ask for more than it uses, but not for much more.
        if (needed > _max * 4L)
            throw TooLong(needed);
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(needed, Math.Min(_buffer.Length * 2L, _max)));
        _buffer.AsSpan(0, _used).CopyTo(larger);
        if (_buffer != _own)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    private ClusterMessageException TooLong(long bytes) => new(
        $"The message {_type} has {bytes} bytes or more with its frame; at most {_max} can be sent. "
        + "Send less at a time, or raise ClusterOptions.MaxMessageBytes in the primary and its workers.");
}
