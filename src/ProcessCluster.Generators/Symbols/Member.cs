using Microsoft.CodeAnalysis;

namespace ProcessCluster.Generators.Symbols;

/// <summary>A public property or field of an object, its base classes' included, before it is known whether it can be set.</summary>
internal sealed class Member
{
    private Member(ISymbol symbol, ITypeSymbol type, IMethodSymbol? setter, bool isWritable)
    {
        Symbol = symbol;
        Type = type;
        IsInitOnly = setter?.IsInitOnly == true;
        IsWritable = isWritable;
        IsRequired = symbol is IPropertySymbol { IsRequired: true } or IFieldSymbol { IsRequired: true };
        var attribute = FromOverridden(symbol, Names.MemberAttribute);
        WireName = Names.Argument(attribute, "Name")?.Value as string ?? symbol.Name;
        Order = Names.Argument(attribute, "Order")?.Value as int?;
        IsIgnored = FromOverridden(symbol, Names.IgnoreAttribute) is not null;
    }

    public ISymbol Symbol { get; }

    public ITypeSymbol Type { get; }

    /// <summary>Gets whether it can be set, at any time or in the object's initializer.</summary>
    public bool IsWritable { get; }

    public bool IsInitOnly { get; }

    public bool IsRequired { get; }

    public bool IsIgnored { get; }

    public string WireName { get; }

    public int? Order { get; }

    /// <summary>All of them: those of base classes first, each type's as it declares them. What is overridden or hidden counts once.</summary>
    public static List<Member> AllOf(INamedTypeSymbol type)
    {
        var hierarchy = new Stack<INamedTypeSymbol>();
        for (var current = type; current is { SpecialType: not SpecialType.System_Object }; current = current.BaseType)
            hierarchy.Push(current);

        var members = new List<Member>();
        foreach (var symbol in hierarchy.SelectMany(InOrder))
        {
            if (TryCreate(symbol) is not { } member)
                continue;
            var hidden = members.FindIndex(other => other.Symbol.Name == symbol.Name);
            if (hidden < 0)
                members.Add(member);
            else
                members[hidden] = member;
        }
        return members;
    }

    /// <summary>The parameters of a record come before what is in its body.</summary>
    private static IEnumerable<ISymbol> InOrder(INamedTypeSymbol type)
    {
        var members = type.GetMembers().Where(member => member is IPropertySymbol or IFieldSymbol);
        if (Constructors.PrimaryOf(type) is not { } primary || !type.IsRecord)
            return members;
        var names = primary.Parameters.Select(parameter => parameter.Name).ToList();
        return members.OrderBy(member => names.IndexOf(member.Name) is var index && index < 0 ? names.Count : index);
    }

    private static Member? TryCreate(ISymbol symbol)
    {
        if (symbol.IsStatic || symbol.DeclaredAccessibility != Accessibility.Public)
            return null;
        if (symbol is IFieldSymbol { IsImplicitlyDeclared: false } field)
            return new Member(field, field.Type, setter: null, !field.IsReadOnly);
        if (symbol is not IPropertySymbol { IsIndexer: false, RefKind: RefKind.None } property)
            return null;
        if (Accessor(property, p => p.GetMethod) is not { DeclaredAccessibility: Accessibility.Public })
            return null;
        var setter = Accessor(property, p => p.SetMethod);
        // Whoever creates the object must set what is required, so that its setter is accessible to all who can.
        var isWritable = setter is not null && (setter.DeclaredAccessibility == Accessibility.Public || property.IsRequired);
        return new Member(property, property.Type, setter, isWritable);
    }

    /// <summary>An override may have only one of the two accessors, and the other from its base.</summary>
    private static IMethodSymbol? Accessor(IPropertySymbol property, Func<IPropertySymbol, IMethodSymbol?> accessor)
    {
        for (var current = property; current is not null; current = current.OverriddenProperty)
        {
            if (accessor(current) is { } found)
                return found;
        }
        return null;
    }

    private static AttributeData? FromOverridden(ISymbol symbol, string attribute)
    {
        for (var current = symbol; current is not null; current = (current as IPropertySymbol)?.OverriddenProperty)
        {
            if (Names.Attribute(current, attribute) is { } found)
                return found;
        }
        return null;
    }
}
