using Microsoft.CodeAnalysis;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>From a type that something has to the way in which its values are written and read.</summary>
internal sealed class Values(TypeGraph graph, Origin origin)
{
    private const int MaxTuple = 7;

    private const string UnknownCollection = "it is a collection of another kind than those that are known: "
        + "use an array, List<T>, HashSet<T>, Dictionary<K, V> or their interfaces";

    private const string AbstractElsewhere = "it is abstract and declared elsewhere: "
        + "use a type that is not abstract, or an abstract one of your own with [ClusterUnion]";

    // A generic type can reach itself with ever more type arguments; nobody writes so many.
    private const int MaxNesting = 10;

    private readonly TypeGraph _graph = graph;
    private readonly Origin _origin = origin;

    public ValueModel? Describe(ITypeSymbol type)
    {
        if (type.TypeKind == TypeKind.Error)
        {
            _graph.GiveUp();
            return null;
        }
        if (KnownTypes.Scalar(type) is { } scalar)
            return ValueModel.Scalar(Names.InCode(type), scalar);
        if (WhyNever(type) is { } reason)
            return Unsupported(type, reason);
        return type is IArrayTypeSymbol array ? DescribeArray(array) : DescribeNamed((INamedTypeSymbol)type);
    }

    /// <summary>Returns whether a type can have a formatter of its own. Reports it when not.</summary>
    public bool CheckObject(INamedTypeSymbol type)
    {
        if (WhyNever(type) is { } reason)
            return Unsupported(type, reason) is not null;
        if (!CheckAccess(type))
            return false;
        if (IsUnknownCollection(type))
            return Unsupported(type, UnknownCollection) is not null;
        var union = Names.Attribute(type, Names.UnionAttribute);
        if (!type.IsAbstract && union is not null)
        {
            _graph.Add(Rules.UnionNotAbstract, LocationModel.Of(union, _graph.Compilation) ?? _origin.Location, Names.InText(type));
            return false;
        }
        if (!type.IsAbstract || union is not null)
            return true;
        if (_graph.IsOfThisCompilation(type))
            _graph.Add(Rules.AbstractWithoutUnion, _origin.Location, _origin.Name, Names.InText(type));
        else
            Unsupported(type, AbstractElsewhere);
        return false;
    }

    private ValueModel? DescribeArray(IArrayTypeSymbol array)
    {
        if (array.ElementType.SpecialType == SpecialType.System_Byte)
            return ValueModel.BuiltIn(Names.InCode(array), "ByteArrayFormatter");
        return Collection(array, "ArrayFormatter", [array.ElementType]);
    }

    private ValueModel? DescribeNamed(INamedTypeSymbol type)
    {
        if (KnownTypes.BuiltIn(type) is { } builtIn)
            return ValueModel.BuiltIn(Names.InCode(type), builtIn);
        if (KnownTypes.Collection(type) is { } collection)
            return Collection(type, collection, type.TypeArguments);
        if (type.OriginalDefinition.SpecialType == SpecialType.System_Nullable_T)
            return Describe(type.TypeArguments[0]) is { } value ? With(ValueKind.Nullable, type, "NullableFormatter", value) : null;
        if (type.EnumUnderlyingType is { } underlying)
        {
            return CheckAccess(type)
                ? With(ValueKind.Enum, type, "EnumFormatter", ValueModel.Scalar(Names.InCode(underlying), KnownTypes.Scalar(underlying)!))
                : null;
        }
        if (KnownTypes.IsTuple(type))
        {
            return type.TypeArguments.Length <= MaxTuple
                ? _graph.Reach(type, _origin)
                : Unsupported(type, "it is a tuple of more than seven elements: use a record");
        }
        return _graph.IsDeclaredHere(type) || CheckObject(type) ? _graph.Reach(type, _origin) : null;
    }

    private ValueModel? Collection(ITypeSymbol type, string formatter, IEnumerable<ITypeSymbol> elements)
    {
        var arguments = elements.Select(Describe).ToEquatableIfAll();
        return arguments is null ? null : new ValueModel(ValueKind.Collection, Names.InCode(type), formatter, arguments.Value);
    }

    private static ValueModel With(ValueKind kind, ITypeSymbol type, string formatter, ValueModel argument) =>
        new(kind, Names.InCode(type), formatter, new[] { argument }.ToEquatable());

    private static string? WhyNever(ITypeSymbol type) => type switch
    {
        { TypeKind: TypeKind.Dynamic } or { SpecialType: SpecialType.System_Object } =>
            "it does not say what comes: use the type that it is, or an abstract class or interface with [ClusterUnion]",
        { TypeKind: TypeKind.Delegate } or { SpecialType: SpecialType.System_Delegate or SpecialType.System_MulticastDelegate } =>
            "code does not leave its process: leave the member out with [IgnoreDataMember]",
        { TypeKind: TypeKind.Pointer or TypeKind.FunctionPointer } =>
            "it points to memory of this process: use an array, or leave the member out with [IgnoreDataMember]",
        { SpecialType: SpecialType.System_IntPtr or SpecialType.System_UIntPtr } =>
            "it is a pointer or has the size of one: use long or ulong",
        { IsRefLikeType: true } => "it refers to memory of its caller: use an array or Memory<T>",
        IArrayTypeSymbol { IsSZArray: false } => "it has more than one dimension: use an array of arrays",
        { TypeKind: TypeKind.TypeParameter } => "it is a type parameter: use a type, or give the type argument where the message is declared",
        INamedTypeSymbol named when Nesting(named) > MaxNesting =>
            "it is reached with ever more type arguments within one another: "
            + "use a type that does not have itself with other arguments as a member",
        { IsStatic: true } => "it is static and has no values: remove the attribute",
        _ => null,
    };

    private static int Nesting(ITypeSymbol type) => type switch
    {
        IArrayTypeSymbol array => Nesting(array.ElementType),
        INamedTypeSymbol { IsGenericType: true } named => 1 + named.TypeArguments.Max(Nesting),
        _ => 0,
    };

    /// <summary>
    /// Known collections do not come here. A message may be a collection besides, but not inherit from one, whose elements it would lose.
    /// </summary>
    private bool IsUnknownCollection(INamedTypeSymbol type)
    {
        if (!IsEnumerable(type) && type.SpecialType != SpecialType.System_Collections_IEnumerable)
            return false;
        if (Names.Attribute(type, Names.MessageAttribute) is null)
            return true;
        for (var ancestor = type.BaseType; ancestor is not null; ancestor = ancestor.BaseType)
        {
            if (!_graph.IsOfThisCompilation(ancestor) && IsEnumerable(ancestor))
                return true;
        }
        return false;
    }

    private static bool IsEnumerable(INamedTypeSymbol type) =>
        type.AllInterfaces.Any(implemented => implemented.SpecialType == SpecialType.System_Collections_IEnumerable);

    private bool CheckAccess(INamedTypeSymbol type)
    {
        if (WhyNotAccessible(type) is not { } reason)
            return true;
        _graph.Add(Rules.NotAccessible, _origin.Location, _origin.Name, Names.InText(type), reason);
        return false;
    }

    private string? WhyNotAccessible(INamedTypeSymbol type)
    {
        // The outermost is what has to be changed.
        if (type.ContainingType is { } outer && WhyNotAccessible(outer) is { } reason)
            return reason;
        if (type.IsFileLocal)
            return $"{Names.InText(type)} is local to its file";
        return _graph.Compilation.IsSymbolAccessibleWithin(type, _graph.Compilation.Assembly) ? null : $"{Names.InText(type)} is {AccessOf(type)}";
    }

    private static string AccessOf(INamedTypeSymbol type) => type.DeclaredAccessibility switch
    {
        Accessibility.Private => "private",
        Accessibility.Protected => "protected",
        Accessibility.ProtectedAndInternal => "private protected",
        Accessibility.Internal or Accessibility.ProtectedOrInternal => "internal to another assembly",
        _ => "not accessible in itself or in what it is made of",
    };

    private ValueModel? Unsupported(ITypeSymbol type, string reason)
    {
        _graph.Add(Rules.UnsupportedType, _origin.Location, _origin.Name, Names.InText(type), reason);
        return null;
    }
}
