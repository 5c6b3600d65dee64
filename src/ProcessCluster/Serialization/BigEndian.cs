using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ProcessCluster.Serialization;

/// <summary>Numbers in the byte order of MessagePack, at places that the caller has checked: these do not check any.</summary>
internal static class BigEndian
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ref byte target, int offset, ushort value) => Unsafe.WriteUnaligned(
        ref Unsafe.Add(ref target, offset), BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ref byte target, int offset, uint value) => Unsafe.WriteUnaligned(
        ref Unsafe.Add(ref target, offset), BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(ref byte target, int offset, ulong value) => Unsafe.WriteUnaligned(
        ref Unsafe.Add(ref target, offset), BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);
}
