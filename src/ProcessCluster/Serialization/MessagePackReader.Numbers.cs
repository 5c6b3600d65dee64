using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Code = ProcessCluster.Serialization.MessagePackCode;

namespace ProcessCluster.Serialization;

public ref partial struct MessagePackReader
{
    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public byte ReadByte() => TryReadFixInt(out var value) ? (byte)value : (byte)ReadUnsigned(byte.MaxValue, "an integer from 0 to 255");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public sbyte ReadSByte() =>
        TryReadFixInt(out var value) ? (sbyte)value : (sbyte)ReadSigned(sbyte.MinValue, sbyte.MaxValue, "an integer from -128 to 127");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public short ReadInt16() =>
        TryReadFixInt(out var value) ? (short)value : (short)ReadSigned(short.MinValue, short.MaxValue, "an integer of 16 bits");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public ushort ReadUInt16() =>
        TryReadFixInt(out var value) ? (ushort)value : (ushort)ReadUnsigned(ushort.MaxValue, "an unsigned integer of 16 bits");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public int ReadInt32() =>
        TryReadFixInt(out var value) ? (int)value : (int)ReadSigned(int.MinValue, int.MaxValue, "an integer of 32 bits");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public uint ReadUInt32() =>
        TryReadFixInt(out var value) ? value : (uint)ReadUnsigned(uint.MaxValue, "an unsigned integer of 32 bits");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public long ReadInt64() =>
        TryReadFixInt(out var value) ? value : ReadSigned(long.MinValue, long.MaxValue, "an integer of 64 bits");

    /// <summary>Reads an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public ulong ReadUInt64() =>
        TryReadFixInt(out var value) ? value : ReadUnsigned(ulong.MaxValue, "an unsigned integer of 64 bits");

    /// <summary>Reads a UTF-16 code unit, which is an integer of any encoding.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it does not fit.</exception>
    public char ReadChar() =>
        TryReadFixInt(out var value) ? (char)value : (char)ReadUnsigned(char.MaxValue, "a character as an unsigned integer of 16 bits");

    /// <summary>Reads a number: a float of 32 bits, one of 64 bits, which is rounded, or an integer, which is rounded.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or it is finite and too large.</exception>
    public float ReadSingle()
    {
        const string Expected = "a number of 32 bits";
        var start = _position;
        if (Peek(Expected) == Code.Float32)
            return BinaryPrimitives.ReadSingleBigEndian(Take(5, Expected)[1..]);
        var value = ReadNumber(Expected);
        var rounded = (float)value;
        if (float.IsInfinity(rounded) && double.IsFinite(value))
            throw new MessageFormatException(Expected, $"{value:R}", start);
        return rounded;
    }

    /// <summary>Reads a number: a float of 32 or 64 bits, or an integer, which is rounded to 53 bits.</summary>
    /// <exception cref="MessageFormatException">Something else comes.</exception>
    public double ReadDouble()
    {
        const string Expected = "a number of 64 bits";
        return Peek(Expected) == Code.Float64
            ? BinaryPrimitives.ReadDoubleBigEndian(Take(9, Expected)[1..])
            : ReadNumber(Expected);
    }

    private double ReadNumber(string expected) => Peek(expected) switch
    {
        Code.Float32 => BinaryPrimitives.ReadSingleBigEndian(Take(5, expected)[1..]),
        Code.Float64 => BinaryPrimitives.ReadDoubleBigEndian(Take(9, expected)[1..]),
        Code.UInt64 => BinaryPrimitives.ReadUInt64BigEndian(Take(9, expected)[1..]),
        _ => ReadSigned(long.MinValue, long.MaxValue, expected),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadFixInt(out uint value)
    {
        var data = _data;
        var position = _position;
        value = (uint)position < (uint)data.Length ? data[position] : uint.MaxValue;
        if (value > Code.MaxFixInt)
            return false;
        _position = position + 1;
        return true;
    }

    private long ReadSigned(long min, long max, string expected)
    {
        var start = _position;
        var code = Peek(expected);
        if (code == Code.UInt64)
        {
            var unsigned = BinaryPrimitives.ReadUInt64BigEndian(Take(9, expected)[1..]);
            if (unsigned > (ulong)max)
                ThrowMisfit(expected, unsigned, start);
            return (long)unsigned;
        }
        var value = code switch
        {
            <= Code.MaxFixInt => Take(1, expected)[0],
            >= Code.MinNegativeFixInt => (sbyte)Take(1, expected)[0],
            Code.UInt8 => Take(2, expected)[1],
            Code.UInt16 => BinaryPrimitives.ReadUInt16BigEndian(Take(3, expected)[1..]),
            Code.UInt32 => BinaryPrimitives.ReadUInt32BigEndian(Take(5, expected)[1..]),
            Code.Int8 => (sbyte)Take(2, expected)[1],
            Code.Int16 => BinaryPrimitives.ReadInt16BigEndian(Take(3, expected)[1..]),
            Code.Int32 => BinaryPrimitives.ReadInt32BigEndian(Take(5, expected)[1..]),
            Code.Int64 => BinaryPrimitives.ReadInt64BigEndian(Take(9, expected)[1..]),
            _ => throw Unexpected(expected),
        };
        if (value < min || value > max)
            ThrowMisfit(expected, value, start);
        return value;
    }

    private ulong ReadUnsigned(ulong max, string expected)
    {
        var start = _position;
        var value = Peek(expected) == Code.UInt64
            ? BinaryPrimitives.ReadUInt64BigEndian(Take(9, expected)[1..])
            : NotNegative(ReadSigned(long.MinValue, long.MaxValue, expected), start, expected);
        if (value > max)
            ThrowMisfit(expected, value, start);
        return value;
    }

    private static ulong NotNegative(long value, int start, string expected)
    {
        if (value < 0)
            ThrowMisfit(expected, value, start);
        return (ulong)value;
    }

    [DoesNotReturn]
    private static void ThrowMisfit<T>(string expected, T value, int start) =>
        throw new MessageFormatException(expected, $"{value}", start);
}
