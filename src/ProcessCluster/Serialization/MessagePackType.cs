using System.Diagnostics.CodeAnalysis;

namespace ProcessCluster.Serialization;

/// <summary>The kinds of values that MessagePack knows.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "These are the names of MessagePack's specification.")]
public enum MessagePackType
{
    /// <summary>No value.</summary>
    Nil,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A whole number from -2^63 to 2^64 - 1.</summary>
    Integer,

    /// <summary>An IEEE 754 number of 32 or 64 bits.</summary>
    Float,

    /// <summary>UTF-8 text.</summary>
    String,

    /// <summary>Bytes.</summary>
    Binary,

    /// <summary>A sequence of values.</summary>
    Array,

    /// <summary>Pairs of key and value.</summary>
    Map,

    /// <summary>A type number with bytes; -1 is the timestamp.</summary>
    Extension,
}
