using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>The code that writes or reads one value.</summary>
internal static class ValueCode
{
    public const string Library = "global::ProcessCluster.Serialization.";

    /// <summary>The formatter of a type: of the library, generated, or made of formatters by <see cref="CollectionSource"/>.</summary>
    public static string Formatter(ValueModel value) => value.Kind switch
    {
        ValueKind.Scalar => $"{Library}{value.Formatter}Formatter.Instance",
        ValueKind.BuiltIn => $"{Library}{value.Formatter}.Instance",
        ValueKind.Enum => $"{Library}{value.Formatter}<{value.Type}>.Instance",
        ValueKind.Generated => $"{value.Formatter}.Instance",
        _ => $"{FormatterNames.Of(value.Type)}.Instance",
    };

    /// <summary>A statement that writes what the expression gives.</summary>
    /// <param name="value">The type.</param>
    /// <param name="expression">The value.</param>
    /// <param name="local">A name that nothing else in the method has.</param>
    public static string Write(ValueModel value, string expression, string local) => value.Kind switch
    {
        ValueKind.Scalar => $"writer.Write({expression});",
        ValueKind.Enum => $"writer.Write(({value.Arguments[0].Type}){expression});",
        ValueKind.Nullable => $"if ({expression} is {{ }} {local}) {Write(value.Arguments[0], local, local)} else writer.WriteNil();",
        _ => $"{Formatter(value)}.Write(ref writer, {expression});",
    };

    /// <summary>An expression that reads a value.</summary>
    public static string Read(ValueModel value) => value.Kind switch
    {
        ValueKind.Scalar => $"reader.Read{value.Formatter}()",
        ValueKind.Enum => $"({value.Type}){Read(value.Arguments[0])}",
        ValueKind.Nullable => $"reader.TryReadNil() ? default({value.Type}) : {Read(value.Arguments[0])}",
        _ => $"{Formatter(value)}.Read(ref reader)",
    };
}
