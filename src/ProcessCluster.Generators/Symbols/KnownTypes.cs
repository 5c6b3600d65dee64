using Microsoft.CodeAnalysis;

namespace ProcessCluster.Generators.Symbols;

/// <summary>The types that the library has formatters for.</summary>
internal static class KnownTypes
{
    private const string Generic = "System.Collections.Generic.";
    private const string Immutable = "System.Collections.Immutable.";

    /// <summary>The types that writer and reader take themselves, with the end of the reader's method.</summary>
    private static readonly Dictionary<SpecialType, string> Scalars = new()
    {
        [SpecialType.System_Boolean] = "Boolean",
        [SpecialType.System_Byte] = "Byte",
        [SpecialType.System_SByte] = "SByte",
        [SpecialType.System_Int16] = "Int16",
        [SpecialType.System_UInt16] = "UInt16",
        [SpecialType.System_Int32] = "Int32",
        [SpecialType.System_UInt32] = "UInt32",
        [SpecialType.System_Int64] = "Int64",
        [SpecialType.System_UInt64] = "UInt64",
        [SpecialType.System_Single] = "Single",
        [SpecialType.System_Double] = "Double",
        [SpecialType.System_Char] = "Char",
        [SpecialType.System_String] = "String",
        [SpecialType.System_DateTime] = "DateTime",
    };

    private static readonly Dictionary<string, string> BuiltIns = new()
    {
        ["System.Decimal"] = "DecimalFormatter",
        ["System.Half"] = "HalfFormatter",
        ["System.Int128"] = "Int128Formatter",
        ["System.UInt128"] = "UInt128Formatter",
        ["System.Numerics.BigInteger"] = "BigIntegerFormatter",
        ["System.Guid"] = "GuidFormatter",
        ["System.DateTimeOffset"] = "DateTimeOffsetFormatter",
        ["System.DateOnly"] = "DateOnlyFormatter",
        ["System.TimeOnly"] = "TimeOnlyFormatter",
        ["System.TimeSpan"] = "TimeSpanFormatter",
        ["System.Uri"] = "UriFormatter",
        ["System.Version"] = "VersionFormatter",
        ["System.Text.Rune"] = "RuneFormatter",
    };

    /// <summary>Generic types whose argument is byte.</summary>
    private static readonly Dictionary<string, string> OfBytes = new()
    {
        ["System.Memory`1"] = "MemoryOfByteFormatter",
        ["System.ReadOnlyMemory`1"] = "ReadOnlyMemoryOfByteFormatter",
        ["System.ArraySegment`1"] = "ArraySegmentOfByteFormatter",
    };

    private static readonly Dictionary<string, string> Collections = new()
    {
        ["System.Memory`1"] = "MemoryFormatter",
        ["System.ReadOnlyMemory`1"] = "ReadOnlyMemoryFormatter",
        [Generic + "List`1"] = "ListFormatter",
        [Generic + "HashSet`1"] = "HashSetFormatter",
        [Generic + "SortedSet`1"] = "SortedSetFormatter",
        [Generic + "Queue`1"] = "QueueFormatter",
        [Generic + "Stack`1"] = "StackFormatter",
        [Generic + "Dictionary`2"] = "DictionaryFormatter",
        [Generic + "SortedDictionary`2"] = "SortedDictionaryFormatter",
        [Generic + "KeyValuePair`2"] = "KeyValuePairFormatter",
        [Generic + "IEnumerable`1"] = "EnumerableFormatter",
        [Generic + "ICollection`1"] = "CollectionInterfaceFormatter",
        [Generic + "IList`1"] = "ListInterfaceFormatter",
        [Generic + "IReadOnlyCollection`1"] = "ReadOnlyCollectionFormatter",
        [Generic + "IReadOnlyList`1"] = "ReadOnlyListFormatter",
        [Generic + "ISet`1"] = "SetInterfaceFormatter",
        [Generic + "IReadOnlySet`1"] = "ReadOnlySetFormatter",
        [Generic + "IDictionary`2"] = "DictionaryInterfaceFormatter",
        [Generic + "IReadOnlyDictionary`2"] = "ReadOnlyDictionaryFormatter",
        [Immutable + "ImmutableArray`1"] = "ImmutableArrayFormatter",
        [Immutable + "ImmutableList`1"] = "ImmutableListFormatter",
        [Immutable + "ImmutableHashSet`1"] = "ImmutableHashSetFormatter",
        [Immutable + "ImmutableDictionary`2"] = "ImmutableDictionaryFormatter",
    };

    public static string? Scalar(ITypeSymbol type) => Scalars.TryGetValue(type.SpecialType, out var name) ? name : null;

    public static string? BuiltIn(INamedTypeSymbol type)
    {
        var name = Names.InMetadata(type.OriginalDefinition);
        if (BuiltIns.TryGetValue(name, out var formatter))
            return formatter;
        return type.TypeArguments.Length == 1 && type.TypeArguments[0].SpecialType == SpecialType.System_Byte
            && OfBytes.TryGetValue(name, out formatter) ? formatter : null;
    }

    public static string? Collection(INamedTypeSymbol type) =>
        type.IsGenericType && Collections.TryGetValue(Names.InMetadata(type.OriginalDefinition), out var formatter) ? formatter : null;

    /// <summary>Returns whether it is a tuple, of any length.</summary>
    public static bool IsTuple(INamedTypeSymbol type) =>
        type.IsGenericType && type.ContainingType is null
        && type.Name is "ValueTuple" or "Tuple" && type.ContainingNamespace.ToDisplayString() == "System";
}
