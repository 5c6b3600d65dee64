using Code = ProcessCluster.Serialization.MessagePackCode;

namespace ProcessCluster.Serialization;

public ref partial struct MessagePackWriter
{
    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(byte value) => Write((uint)value);

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(sbyte value) => Write((int)value);

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(short value) => Write((int)value);

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(ushort value) => Write((uint)value);

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(int value)
    {
        if (value >= 0)
            Write((uint)value);
        else
            WriteNegative(value);
    }

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(uint value)
    {
        ref var target = ref Reserve(5);
        if (value <= Code.MaxFixInt)
        {
            target = (byte)value;
            _used++;
        }
        else if (value <= byte.MaxValue)
        {
            BigEndian.Put(ref target, 0, (ushort)((Code.UInt8 << 8) | value));
            _used += 2;
        }
        else if (value <= ushort.MaxValue)
        {
            target = Code.UInt16;
            BigEndian.Put(ref target, 1, (ushort)value);
            _used += 3;
        }
        else
        {
            target = Code.UInt32;
            BigEndian.Put(ref target, 1, value);
            _used += 5;
        }
    }

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(long value)
    {
        if (value >= 0)
            Write((ulong)value);
        else
            WriteNegative(value);
    }

    /// <summary>Writes an integer.</summary>
    /// <param name="value">The integer.</param>
    public void Write(ulong value)
    {
        if (value <= uint.MaxValue)
        {
            Write((uint)value);
            return;
        }
        ref var target = ref Reserve(9);
        target = Code.UInt64;
        BigEndian.Put(ref target, 1, value);
        _used += 9;
    }

    /// <summary>Writes a number of 32 bits, bit by bit as it is.</summary>
    /// <param name="value">The number.</param>
    public void Write(float value)
    {
        ref var target = ref Reserve(5);
        target = Code.Float32;
        BigEndian.Put(ref target, 1, BitConverter.SingleToUInt32Bits(value));
        _used += 5;
    }

    /// <summary>Writes a number of 64 bits, bit by bit as it is.</summary>
    /// <param name="value">The number.</param>
    public void Write(double value)
    {
        ref var target = ref Reserve(9);
        target = Code.Float64;
        BigEndian.Put(ref target, 1, BitConverter.DoubleToUInt64Bits(value));
        _used += 9;
    }

    /// <summary>Writes a UTF-16 code unit as an integer.</summary>
    /// <param name="value">The code unit.</param>
    public void Write(char value) => Write((uint)value);

    private void WriteNegative(long value)
    {
        ref var target = ref Reserve(9);
        if (value >= Code.MinNegative)
        {
            target = (byte)value;
            _used++;
        }
        else if (value >= sbyte.MinValue)
        {
            BigEndian.Put(ref target, 0, (ushort)((Code.Int8 << 8) | (byte)value));
            _used += 2;
        }
        else if (value >= short.MinValue)
        {
            target = Code.Int16;
            BigEndian.Put(ref target, 1, (ushort)value);
            _used += 3;
        }
        else if (value >= int.MinValue)
        {
            target = Code.Int32;
            BigEndian.Put(ref target, 1, (uint)value);
            _used += 5;
        }
        else
        {
            target = Code.Int64;
            BigEndian.Put(ref target, 1, (ulong)value);
            _used += 9;
        }
    }
}
