using Microsoft.CodeAnalysis;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>From [ClusterUnion] on an abstract class or interface to its model.</summary>
internal static class Unions
{
    public static UnionModel ModelOf(TypeGraph graph, INamedTypeSymbol union, Origin origin)
    {
        var entries = new List<UnionEntry>();
        var types = new List<ITypeSymbol>();
        foreach (var attribute in union.GetAttributes())
        {
            if (attribute.AttributeClass?.ToDisplayString() != Names.UnionAttribute)
                continue;
            var arguments = attribute.ConstructorArguments;
            if (arguments.Length != 2 || arguments[0].Value is not int key
                || arguments[1].Value is not ITypeSymbol { TypeKind: not TypeKind.Error } type)
            {
                graph.GiveUp();
                continue;
            }
            var place = LocationModel.Of(attribute, graph.Compilation) ?? origin.Location;
            if (EntryOf(graph, union, key, type, new Origin($"The union {Names.InText(union)}", place)) is not { } entry)
                continue;
            if (entries.Exists(other => other.Key == key))
                graph.Add(Rules.UnionEntryTwice, place, Names.InText(union), $"the key {key}");
            else if (entries.Exists(other => other.Value.Type == entry.Value.Type))
                graph.Add(Rules.UnionEntryTwice, place, Names.InText(union), $"the type {Names.InText(type)}");
            else
                (entries, types) = ([.. entries, entry], [.. types, type]);
        }
        // Of unions within the union the narrower ones are tried first; they are assignable to more of the others.
        var ordered = entries
            .Select((entry, index) => (Entry: entry, Width: types.Count(type => IsAssignable(graph, types[index], type))))
            .OrderBy(candidate => candidate.Entry.IsExact ? 0 : 1)
            .ThenByDescending(candidate => candidate.Entry.IsExact ? 0 : candidate.Width)
            .Select(candidate => candidate.Entry);
        return new UnionModel(Names.InCode(union), ordered.ToEquatable());
    }

    private static UnionEntry? EntryOf(TypeGraph graph, INamedTypeSymbol union, int key, ITypeSymbol type, Origin origin)
    {
        if (WhyNot(graph, union, type) is { } reason)
        {
            graph.Add(Rules.UnionEntryNotAssignable, origin.Location, Names.InText(union), Names.InText(type), reason);
            return null;
        }
        return graph.Describe(type, origin) is { } value ? new UnionEntry(key, value, !type.IsAbstract) : null;
    }

    private static string? WhyNot(TypeGraph graph, INamedTypeSymbol union, ITypeSymbol type)
    {
        if (SymbolEqualityComparer.Default.Equals(type, union))
            return "it is the union itself; name types that inherit from it";
        if (type is not INamedTypeSymbol { EnumUnderlyingType: null } named)
            return "it is neither a class nor a struct nor an interface";
        if (named.IsUnboundGenericType)
            return "its type arguments are not given; name a type of which they are, such as Box<int>";
        var remedy = union.TypeKind == TypeKind.Interface ? "implement the interface" : "inherit from the class";
        return IsAssignable(graph, type, union) ? null : $"it is not assignable to it; let it {remedy}, or remove the attribute";
    }

    private static bool IsAssignable(TypeGraph graph, ITypeSymbol from, ITypeSymbol to) =>
        graph.Compilation.ClassifyCommonConversion(from, to) is { Exists: true, IsImplicit: true, IsUserDefined: false };
}
