using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Code = ProcessCluster.Serialization.MessagePackCode;

namespace ProcessCluster.Serialization;

/// <summary>
/// Writes MessagePack values, each in its smallest encoding, as the
/// <see href="https://github.com/msgpack/msgpack/blob/master/spec.md">specification</see> has them. It allocates nothing. Pass it by
/// reference: a copy does not know what the other has written.
/// </summary>
public ref partial struct MessagePackWriter
{
    /// <summary>The number of arrays and maps that may be within one another unless the writer is told otherwise: as many as a</summary>
    public const int DefaultMaxDepth = MessagePackReader.DefaultMaxDepth;

    // Asking the output for fewer bytes at a time would only ask it more often.
    private const int MinRequest = 256;

    private readonly IBufferWriter<byte> _output;
    private readonly int _maxDepth;
    private Span<byte> _buffer;
    private int _used;
    private int _depth;

    /// <summary>Begins to write after what the output has. Call <see cref="Flush"/> at the end.</summary>
    /// <param name="output">The buffer to write to.</param>
    /// <param name="maxDepth">The number of arrays and maps that may be within one another.</param>
    public MessagePackWriter(IBufferWriter<byte> output, int maxDepth = DefaultMaxDepth)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = output;
        _maxDepth = maxDepth;
    }

    /// <summary>Gives the output what was written. Only whoever created the writer calls it, once all is written.</summary>
    public void Flush()
    {
        if (_used > 0)
            _output.Advance(_used);
        _used = 0;
        _buffer = default;
    }

    /// <summary>Goes into an array or a map, before its first value is written.</summary>
    /// <exception cref="ClusterMessageException">That is deeper than allowed.</exception>
    public void Enter()
    {
        if (++_depth > _maxDepth)
            ThrowTooDeep();
    }

    /// <summary>Comes out of an array or a map, after its last value.</summary>
    public void Leave() => _depth--;

    /// <summary>Writes nil: no value.</summary>
    public void WriteNil()
    {
        Reserve(1) = Code.Nil;
        _used++;
    }

    /// <summary>Writes true or false.</summary>
    /// <param name="value">The value.</param>
    public void Write(bool value)
    {
        Reserve(1) = value ? Code.True : Code.False;
        _used++;
    }

    /// <summary>Writes the head of an array. As many values must follow.</summary>
    /// <param name="count">The number.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public void WriteArrayHeader(int count) => WriteCount(count, Code.FixArray, Code.Array16);

    /// <summary>Writes the head of a map. As many pairs of key and value must follow.</summary>
    /// <param name="count">The number of pairs.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public void WriteMapHeader(int count) => WriteCount(count, Code.FixMap, Code.Map16);

    /// <summary>Writes bytes as they are. They must be whole MessagePack values, or parts of one that the caller completes.</summary>
    /// <param name="encoded">The bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // a literal's copy is then a few moves
    public void WriteRaw(scoped ReadOnlySpan<byte> encoded)
    {
        encoded.CopyTo(MemoryMarshal.CreateSpan(ref Reserve(encoded.Length), encoded.Length));
        _used += encoded.Length;
    }

    private void WriteCount(int count, byte fix, byte code16)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ref var target = ref Reserve(5);
        if (count <= Code.MaxFixCount)
        {
            target = (byte)(fix | count);
            _used++;
        }
        else if (count <= ushort.MaxValue)
        {
            target = code16;
            BigEndian.Put(ref target, 1, (ushort)count);
            _used += 3;
        }
        else
        {
            target = (byte)(code16 + 1);
            BigEndian.Put(ref target, 1, (uint)count);
            _used += 5;
        }
    }

    /// <summary>Gives the place of the next byte, with room for as many from there on. The caller adds to <see cref="_used"/> what it writes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref byte Reserve(int size)
    {
        if (_buffer.Length - _used < size)
            Renew(size);
        return ref Unsafe.Add(ref MemoryMarshal.GetReference(_buffer), _used);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Renew(int size)
    {
        Flush();
        var buffer = _output.GetSpan(Math.Max(size, MinRequest));
        // What follows writes without checks of its own, so an output that breaks its contract must not get there.
        if (buffer.Length < size)
            throw new InvalidOperationException($"{_output.GetType()}.GetSpan gave {buffer.Length} bytes where {size} were asked for.");
        _buffer = buffer;
    }

    [DoesNotReturn]
    private readonly void ThrowTooDeep() => throw new ClusterMessageException(
        $"A message has more than {_maxDepth} arrays, maps or objects within one another. If one of its objects refers to itself, "
        + "directly or through others, break that circle; if not, make the message flatter, no reader would take it.");
}
