using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ProcessCluster.Generators.Symbols;

/// <summary>Names of types and members: for generated code, for people, and for the wire.</summary>
internal static class Names
{
    public const string MessageAttribute = "ProcessCluster.ClusterMessageAttribute";
    public const string UnionAttribute = "ProcessCluster.ClusterUnionAttribute";
    public const string MemberAttribute = "System.Runtime.Serialization.DataMemberAttribute";
    public const string IgnoreAttribute = "System.Runtime.Serialization.IgnoreDataMemberAttribute";
    public const string SetsRequiredAttribute = "System.Diagnostics.CodeAnalysis.SetsRequiredMembersAttribute";

    /// <summary>Tuples with and without names for their elements are one type, which is written in one way.</summary>
    private static readonly SymbolDisplayFormat InCodeFormat =
        SymbolDisplayFormat.FullyQualifiedFormat.AddMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.ExpandValueTuple);

    private static readonly SymbolDisplayFormat InTextFormat = SymbolDisplayFormat.CSharpErrorMessageFormat
        .RemoveMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    /// <summary>The type as generated code names it, whatever it is called where the code stands.</summary>
    public static string InCode(ITypeSymbol type) => type.ToDisplayString(InCodeFormat);

    /// <summary>A member's name in code.</summary>
    public static string InCode(string name)
    {
        var isKeyword = SyntaxFacts.GetKeywordKind(name) != SyntaxKind.None || SyntaxFacts.GetContextualKeywordKind(name) != SyntaxKind.None;
        return isKeyword ? $"@{name}" : name;
    }

    /// <summary>The type as an error message names it.</summary>
    public static string InText(ITypeSymbol type) => type.ToDisplayString(InTextFormat);

    /// <summary>The member as an error message names it.</summary>
    public static string InText(ISymbol member) => $"{InText(member.ContainingType)}.{member.Name}";

    /// <summary>The full name as reflection has it: My.App.Outer+Inner, List`1.</summary>
    public static string InMetadata(INamedTypeSymbol type)
    {
        if (type.ContainingType is { } outer)
            return $"{InMetadata(outer)}+{type.MetadataName}";
        return type.ContainingNamespace.IsGlobalNamespace
            ? type.MetadataName
            : $"{type.ContainingNamespace.ToDisplayString()}.{type.MetadataName}";
    }

    public static AttributeData? Attribute(ISymbol symbol, string name) =>
        symbol.GetAttributes().FirstOrDefault(attribute => attribute.AttributeClass?.ToDisplayString() == name);

    /// <summary>The value that an attribute gives a property, if it does.</summary>
    public static TypedConstant? Argument(AttributeData? attribute, string name)
    {
        foreach (var argument in attribute?.NamedArguments ?? [])
        {
            if (argument.Key == name)
                return argument.Value;
        }
        return null;
    }
}
