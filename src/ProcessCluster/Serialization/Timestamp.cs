using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ProcessCluster.Serialization;

/// <summary>
/// Times as MessagePack's <see href="https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type">timestamp</see>:
/// extension -1 with seconds since 1970 (UTC) and nanoseconds, in 32, 64 or 96 bits.
/// </summary>
internal static class Timestamp
{
    public const sbyte ExtensionType = -1;
    public const int MaxEncodedSize = 15;

    private const int SecondsBits = 34;
    private const uint NanosecondsPerSecond = 1_000_000_000;
    private const uint NanosecondsPerTick = 100;
    private const long EpochSeconds = 62_135_596_800;
    private const long MaxSeconds = 315_537_897_599 - EpochSeconds;

    /// <summary>Writes the smallest one, head included, and gives its size. There must be room for the largest.</summary>
    public static int Put(ref byte target, DateTime utc)
    {
        var (whole, rest) = Math.DivRem(utc.Ticks, TimeSpan.TicksPerSecond);
        var seconds = whole - EpochSeconds;
        var nanoseconds = (uint)rest * NanosecondsPerTick;
        if ((ulong)seconds >> SecondsBits != 0)
        {
            target = MessagePackCode.Ext8;
            Unsafe.Add(ref target, 1) = 12;
            Unsafe.Add(ref target, 2) = unchecked((byte)ExtensionType);
            BigEndian.Put(ref target, 3, nanoseconds);
            BigEndian.Put(ref target, 7, (ulong)seconds);
            return 15;
        }
        Unsafe.Add(ref target, 1) = unchecked((byte)ExtensionType);
        if (nanoseconds == 0 && seconds <= uint.MaxValue)
        {
            target = MessagePackCode.FixExt4;
            BigEndian.Put(ref target, 2, (uint)seconds);
            return 6;
        }
        target = MessagePackCode.FixExt8;
        BigEndian.Put(ref target, 2, ((ulong)nanoseconds << SecondsBits) | (ulong)seconds);
        return 10;
    }

    /// <summary>Reads the extension's bytes. What is finer than 100 ns is cut off.</summary>
    /// <returns>False if they are no timestamp, or one outside the years 1 to 9999.</returns>
    public static bool TryRead(ReadOnlySpan<byte> data, out DateTime utc)
    {
        long seconds;
        uint nanoseconds = 0;
        switch (data.Length)
        {
            case 4:
                seconds = BinaryPrimitives.ReadUInt32BigEndian(data);
                break;
            case 8:
                var both = BinaryPrimitives.ReadUInt64BigEndian(data);
                seconds = (long)(both & ((1UL << SecondsBits) - 1));
                nanoseconds = (uint)(both >> SecondsBits);
                break;
            case 12:
                nanoseconds = BinaryPrimitives.ReadUInt32BigEndian(data);
                seconds = BinaryPrimitives.ReadInt64BigEndian(data[4..]);
                break;
            default:
                utc = default;
                return false;
        }
        if (nanoseconds >= NanosecondsPerSecond || seconds is < -EpochSeconds or > MaxSeconds)
        {
            utc = default;
            return false;
        }
        utc = new DateTime(((seconds + EpochSeconds) * TimeSpan.TicksPerSecond) + (nanoseconds / NanosecondsPerTick), DateTimeKind.Utc);
        return true;
    }
}
