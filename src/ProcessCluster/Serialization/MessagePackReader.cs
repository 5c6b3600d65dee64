using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Code = ProcessCluster.Serialization.MessagePackCode;

namespace ProcessCluster.Serialization;

/// <summary>
/// Reads MessagePack values of any legal encoding, as the
/// <see href="https://github.com/msgpack/msgpack/blob/master/spec.md">specification</see> has them, from data that need not be trusted:
/// whatever the bytes are, nothing but <see cref="MessageFormatException"/> is thrown, and all arrays and maps together can never claim
/// more values than the data has bytes. Pass it by reference: a copy does not know what the other has read.
/// </summary>
public ref partial struct MessagePackReader
{
    /// <summary>The number of arrays and maps that may be within one another unless the reader is told otherwise.</summary>
    public const int DefaultMaxDepth = 64;

    private readonly ReadOnlySpan<byte> _data;
    private readonly int _maxDepth;
    private int _position;
    private int _depth;
    private long _claimed;

    /// <summary>Begins to read.</summary>
    /// <param name="data">One or more MessagePack values.</param>
    /// <param name="maxDepth">The number of arrays and maps that may be within one another. Each costs stack, so do not allow thousands.</param>
    public MessagePackReader(ReadOnlySpan<byte> data, int maxDepth = DefaultMaxDepth)
    {
        _data = data;
        _maxDepth = maxDepth;
    }

    /// <summary>Gets whether all the data is read.</summary>
    public readonly bool IsAtEnd => _position >= _data.Length;

    /// <summary>Gets the number of bytes that were read.</summary>
    public readonly int Consumed => _position;

    /// <summary>The kind of the value that comes next.</summary>
    /// <exception cref="MessageFormatException">Nothing comes, or the byte 0xc1.</exception>
    public readonly MessagePackType NextType => Peek("a value") switch
    {
        <= Code.MaxFixInt or >= Code.MinNegativeFixInt or (>= Code.UInt8 and <= Code.Int64) => MessagePackType.Integer,
        < Code.FixArray or Code.Map16 or Code.Map32 => MessagePackType.Map,
        < Code.FixStr or Code.Array16 or Code.Array32 => MessagePackType.Array,
        < Code.Nil or (>= Code.Str8 and <= Code.Str32) => MessagePackType.String,
        Code.Nil => MessagePackType.Nil,
        Code.False or Code.True => MessagePackType.Boolean,
        Code.Float32 or Code.Float64 => MessagePackType.Float,
        >= Code.Bin8 and <= Code.Bin32 => MessagePackType.Binary,
        Code.NeverUsed => throw Unexpected("a value"),
        _ => MessagePackType.Extension,
    };

    private readonly int Left => _data.Length - _position;

    /// <summary>Goes into an array or a map, before its first value is read.</summary>
    /// <exception cref="MessageFormatException">That is deeper than allowed.</exception>
    public void Enter()
    {
        if (++_depth > _maxDepth)
            ThrowTooDeep();
    }

    /// <summary>Comes out of an array or a map, after its last value.</summary>
    public void Leave() => _depth--;

    /// <summary>Reads nil if it comes next, and nothing if not.</summary>
    /// <returns>Whether it came.</returns>
    /// <exception cref="MessageFormatException">Nothing comes.</exception>
    public bool TryReadNil()
    {
        if (Peek("a value") != Code.Nil)
            return false;
        _position++;
        return true;
    }

    /// <summary>Reads true or false.</summary>
    /// <exception cref="MessageFormatException">Something else comes.</exception>
    public bool ReadBoolean()
    {
        var code = Peek("a boolean");
        if ((code | 1) != Code.True)
            ThrowUnexpected("a boolean");
        _position++;
        return code == Code.True;
    }

    /// <summary>Reads the head of an array and gives the number of its values, for which the data has at least a byte each.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or the data cannot hold so many.</exception>
    public int ReadArrayHeader()
    {
        const string Expected = "an array";
        var start = _position;
        var code = Peek(Expected);
        uint count;
        if ((code & 0xf0) == Code.FixArray)
        {
            _position++;
            count = code & 0x0fu;
        }
        else
        {
            count = code switch
            {
                Code.Array16 => ReadLength(2, Expected),
                Code.Array32 => ReadLength(4, Expected),
                _ => throw Unexpected(Expected),
            };
        }
        Claim(count, start, Expected);
        return (int)count;
    }

    /// <summary>Reads the head of a map and gives the number of its pairs, for which the data has at least two bytes each.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or the data cannot hold so many.</exception>
    public int ReadMapHeader()
    {
        const string Expected = "a map";
        var start = _position;
        var code = Peek(Expected);
        uint count;
        if ((code & 0xf0) == Code.FixMap)
        {
            _position++;
            count = code & 0x0fu;
        }
        else
        {
            count = code switch
            {
                Code.Map16 => ReadLength(2, Expected),
                Code.Map32 => ReadLength(4, Expected),
                _ => throw Unexpected(Expected),
            };
        }
        Claim(count * 2L, start, Expected);
        return (int)count;
    }

    /// <summary>Reads the next value, whatever it is, with all that is in it. Text within is not checked to be UTF-8.</summary>
    /// <exception cref="MessageFormatException">It is cut off, too deep, or not MessagePack.</exception>
    public void Skip()
    {
        const string Expected = "a value";
        switch (NextType)
        {
            case MessagePackType.Array:
                SkipMany(ReadArrayHeader());
                break;
            case MessagePackType.Map:
                SkipMany(ReadMapHeader() * 2L);
                break;
            case MessagePackType.String:
                ReadUtf8();
                break;
            case MessagePackType.Binary:
                ReadBinary();
                break;
            case MessagePackType.Extension:
                ReadExtension(out _);
                break;
            default:
                Take(SizeOfScalar(_data[_position]), Expected);
                break;
        }
    }

    /// <summary>Reads the head of an array that has this many values and no others. For generated code.</summary>
    /// <param name="count">The number.</param>
    /// <param name="expected">The array's meaning, for the exception.</param>
    /// <exception cref="MessageFormatException">Something else comes, or an array of another length.</exception>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void ReadArrayHeader(int count, string expected)
    {
        var start = _position;
        var actual = ReadArrayHeader();
        if (actual != count)
            throw new MessageFormatException($"{expected} as an array of {count}", $"an array of {actual}", start);
    }

    private void SkipMany(long count)
    {
        Enter();
        for (; count > 0; count--)
            Skip();
        Leave();
    }

    private static int SizeOfScalar(byte code) => code switch
    {
        Code.UInt8 or Code.Int8 => 2,
        Code.UInt16 or Code.Int16 => 3,
        Code.UInt32 or Code.Int32 or Code.Float32 => 5,
        Code.UInt64 or Code.Int64 or Code.Float64 => 9,
        _ => 1,
    };

    /// <summary>
    /// Counts the values that an array or a map says it has. Each is a byte or more, and no two have a byte in common: so there are never
    /// more of them, in all arrays and maps together, than bytes, and what a reader allocates ahead is bounded by that.
    /// </summary>
    private void Claim(long values, int start, string expected)
    {
        _claimed += values;
        if (values > Left || _claimed > _data.Length)
            throw new MessageFormatException(expected, $"the length of {values} values with {Left} bytes left", start);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte Peek(string expected)
    {
        var data = _data;
        var position = _position;
        if ((uint)position >= (uint)data.Length)
            ThrowEnd(expected);
        return data[position];
    }

    /// <summary>Gives as many bytes from the position on, and moves behind them.</summary>
    private ReadOnlySpan<byte> Take(int size, string expected)
    {
        if ((uint)size > (uint)Left)
            ThrowEnd(expected);
        var bytes = _data.Slice(_position, size);
        _position += size;
        return bytes;
    }

    [DoesNotReturn]
    private readonly void ThrowUnexpected(string expected) => throw Unexpected(expected);

    private readonly MessageFormatException Unexpected(string expected) => new(expected, Code.Describe(_data[_position]), _position);

    [DoesNotReturn]
    private readonly void ThrowEnd(string expected) => throw new MessageFormatException(
        expected,
        IsAtEnd ? "the end of the data" : $"{Code.Describe(_data[_position])} of which only {Left} bytes are there",
        _position);

    [DoesNotReturn]
    private readonly void ThrowTooDeep() => throw new MessageFormatException(
        $"at most {_maxDepth} arrays and maps within one another", "one more", Math.Max(_position - 1, 0));
}
