namespace ProcessCluster.Serialization;

/// <summary>
/// The first bytes of MessagePack values, by the names of the
/// <see href="https://github.com/msgpack/msgpack/blob/master/spec.md#formats">specification</see>.
/// </summary>
internal static class MessagePackCode
{
    public const byte MaxFixInt = 0x7f;
    public const byte FixMap = 0x80;
    public const byte FixArray = 0x90;
    public const byte FixStr = 0xa0;
    public const byte Nil = 0xc0;
    public const byte NeverUsed = 0xc1;
    public const byte False = 0xc2;
    public const byte True = 0xc3;
    public const byte Bin8 = 0xc4;
    public const byte Bin16 = 0xc5;
    public const byte Bin32 = 0xc6;
    public const byte Ext8 = 0xc7;
    public const byte Ext16 = 0xc8;
    public const byte Ext32 = 0xc9;
    public const byte Float32 = 0xca;
    public const byte Float64 = 0xcb;
    public const byte UInt8 = 0xcc;
    public const byte UInt16 = 0xcd;
    public const byte UInt32 = 0xce;
    public const byte UInt64 = 0xcf;
    public const byte Int8 = 0xd0;
    public const byte Int16 = 0xd1;
    public const byte Int32 = 0xd2;
    public const byte Int64 = 0xd3;
    public const byte FixExt1 = 0xd4;
    public const byte FixExt2 = 0xd5;
    public const byte FixExt4 = 0xd6;
    public const byte FixExt8 = 0xd7;
    public const byte FixExt16 = 0xd8;
    public const byte Str8 = 0xd9;
    public const byte Str16 = 0xda;
    public const byte Str32 = 0xdb;
    public const byte Array16 = 0xdc;
    public const byte Array32 = 0xdd;
    public const byte Map16 = 0xde;
    public const byte Map32 = 0xdf;
    public const byte MinNegativeFixInt = 0xe0;

    public const int MaxFixStr = 31;
    public const int MaxFixCount = 15;
    public const int MinNegative = -32;

    /// <summary>Describes the value with this first byte, in words for an error.</summary>
    public static string Describe(byte code) => $"{NameOf(code)} (0x{code:x2})";

    private static string NameOf(byte code) => code switch
    {
        <= MaxFixInt => "a positive fixint",
        < FixArray => "a fixmap",
        < FixStr => "a fixarray",
        < Nil => "a fixstr",
        Nil => "nil",
        NeverUsed => "a byte that MessagePack never uses",
        False => "false",
        True => "true",
        <= Bin32 => "a bin",
        <= Ext32 => "an ext",
        Float32 => "a float 32",
        Float64 => "a float 64",
        <= UInt64 => $"a uint {8 << (code - UInt8)}",
        <= Int64 => $"an int {8 << (code - Int8)}",
        <= FixExt16 => "a fixext",
        <= Str32 => "a str",
        <= Array32 => "an array",
        <= Map32 => "a map",
        _ => "a negative fixint",
    };
}
