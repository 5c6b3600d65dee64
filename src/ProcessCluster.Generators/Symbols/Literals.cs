using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ProcessCluster.Generators.Symbols;

/// <summary>Default values of parameters as C# writes them.</summary>
internal static class Literals
{
    /// <summary>The parameter's default value, or null if it has none or its type's.</summary>
    public static string? DefaultOf(IParameterSymbol parameter)
    {
        if (!parameter.HasExplicitDefaultValue || parameter.ExplicitDefaultValue is not { } value || Of(value) is not { } literal)
            return null;
        var type = parameter.Type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable
            ? nullable.TypeArguments[0]
            : parameter.Type;
        // A cast of what is negative needs the parentheses.
        return type.TypeKind == TypeKind.Enum ? $"({Names.InCode(type)})({literal})" : literal;
    }

    /// <summary>A value that has the parameter's type even where overloads compete.</summary>
    public static string Typed(IParameterSymbol parameter, string? literal)
    {
        var type = Names.InCode(parameter.Type);
        return literal is null ? $"default({type})" : $"({type})({literal})";
    }

    private static string? Of(object value) => value switch
    {
        string text => SymbolDisplay.FormatLiteral(text, quote: true),
        char letter => SymbolDisplay.FormatLiteral(letter, quote: true),
        bool flag => flag ? "true" : "false",
        float.NaN => "float.NaN",
        float.PositiveInfinity => "float.PositiveInfinity",
        float.NegativeInfinity => "float.NegativeInfinity",
        double.NaN => "double.NaN",
        double.PositiveInfinity => "double.PositiveInfinity",
        double.NegativeInfinity => "double.NegativeInfinity",
        float number => number.ToString("R", CultureInfo.InvariantCulture) + "F",
        double number => number.ToString("R", CultureInfo.InvariantCulture) + "D",
        decimal number => number.ToString(CultureInfo.InvariantCulture) + "M",
        DateTime time => $"new global::System.DateTime({time.Ticks.ToString(CultureInfo.InvariantCulture)}L)",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture) + Suffix(number),
        _ => null,
    };

    private static string Suffix(object number) => number switch
    {
        long => "L",
        ulong => "UL",
        uint => "U",
        _ => "",
    };
}
