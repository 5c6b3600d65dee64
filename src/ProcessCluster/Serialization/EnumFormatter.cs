using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ProcessCluster.Serialization;

/// <summary>An enumeration as its underlying integer. A value that has no name is written and read like any other.</summary>
/// <typeparam name="TEnum">The enumeration.</typeparam>
public sealed class EnumFormatter<TEnum> : IMessageFormatter<TEnum>
    where TEnum : struct, Enum
{
    /// <summary>The only one.</summary>
    [SuppressMessage("Design", "CA1000", Justification = "Generated code names it, as that of every formatter without parameters.")]
    public static readonly EnumFormatter<TEnum> Instance = new();

    // For an enumeration this is the code of its underlying type; once compiled, a constant.
    private static readonly TypeCode Underlying = Type.GetTypeCode(typeof(TEnum));

    private EnumFormatter()
    {
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in TEnum value)
    {
        switch (Underlying)
        {
            case TypeCode.Byte:
                writer.Write(Unsafe.BitCast<TEnum, byte>(value));
                break;
            case TypeCode.SByte:
                writer.Write(Unsafe.BitCast<TEnum, sbyte>(value));
                break;
            case TypeCode.Int16:
                writer.Write(Unsafe.BitCast<TEnum, short>(value));
                break;
            case TypeCode.UInt16:
                writer.Write(Unsafe.BitCast<TEnum, ushort>(value));
                break;
            case TypeCode.UInt32:
                writer.Write(Unsafe.BitCast<TEnum, uint>(value));
                break;
            case TypeCode.Int64:
                writer.Write(Unsafe.BitCast<TEnum, long>(value));
                break;
            case TypeCode.UInt64:
                writer.Write(Unsafe.BitCast<TEnum, ulong>(value));
                break;
            default:
                writer.Write(Unsafe.BitCast<TEnum, int>(value));
                break;
        }
    }

    /// <inheritdoc/>
    public TEnum Read(ref MessagePackReader reader) => Underlying switch
    {
        TypeCode.Byte => Unsafe.BitCast<byte, TEnum>(reader.ReadByte()),
        TypeCode.SByte => Unsafe.BitCast<sbyte, TEnum>(reader.ReadSByte()),
        TypeCode.Int16 => Unsafe.BitCast<short, TEnum>(reader.ReadInt16()),
        TypeCode.UInt16 => Unsafe.BitCast<ushort, TEnum>(reader.ReadUInt16()),
        TypeCode.UInt32 => Unsafe.BitCast<uint, TEnum>(reader.ReadUInt32()),
        TypeCode.Int64 => Unsafe.BitCast<long, TEnum>(reader.ReadInt64()),
        TypeCode.UInt64 => Unsafe.BitCast<ulong, TEnum>(reader.ReadUInt64()),
        _ => Unsafe.BitCast<int, TEnum>(reader.ReadInt32()),
    };
}
