using Microsoft.CodeAnalysis;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>
/// A declared message and the types that it reaches. It ends at other declared messages of the compilation, which have their own.
/// </summary>
internal sealed class TypeGraph
{
    private readonly Dictionary<string, TypeModel> _types = [];
    private readonly HashSet<string> _reached = [];
    private readonly Queue<(INamedTypeSymbol Type, Origin Origin)> _waiting = [];
    private readonly List<Finding> _findings = [];
    private readonly CancellationToken _cancellation;

    private TypeGraph(Compilation compilation, CancellationToken cancellation)
    {
        Compilation = compilation;
        _cancellation = cancellation;
    }

    public Compilation Compilation { get; }

    /// <summary>Gets whether something is wrong with the message or with the code.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Looks at a type that bears the attribute.</summary>
    public static MessageFindings Explore(
        INamedTypeSymbol type, AttributeData attribute, Compilation compilation, CancellationToken cancellation)
    {
        var graph = new TypeGraph(compilation, cancellation);
        var place = LocationModel.Of(type, compilation) ?? LocationModel.Of(Location.None);
        var message = new MessageModel(Names.InCode(type), graph.WireNameOf(type, attribute, place));
        graph.AddMessage(type, new Origin(Names.InText(type), place));
        return new MessageFindings(
            new MessageShape(message, graph._types.Values.ToEquatable(), graph.IsBroken),
            Names.InText(type),
            LocationModel.Of(attribute, compilation) ?? place,
            graph._findings.ToEquatable());
    }

    /// <summary>Notes that a type needs a formatter, which is written once however often the type is reached.</summary>
    public ValueModel Reach(INamedTypeSymbol type, Origin origin)
    {
        var model = ValueModel.Generated(Names.InCode(type));
        if (!IsDeclaredHere(type) && _reached.Add(model.Type))
            _waiting.Enqueue((type, origin));
        return model;
    }

    /// <summary>Says how values of a type are written and read; null if they cannot be, which is then noted.</summary>
    public ValueModel? Describe(ITypeSymbol type, Origin origin) => new Values(this, origin).Describe(type);

    public void Add(DiagnosticDescriptor rule, LocationModel location, params string[] arguments)
    {
        IsBroken = true;
        _findings.Add(new Finding(rule, location, arguments));
    }

    /// <summary>Gives up without a word, because the compiler itself has something to say.</summary>
    public void GiveUp() => IsBroken = true;

    public bool IsOfThisCompilation(ITypeSymbol type) => SymbolEqualityComparer.Default.Equals(type.ContainingAssembly, Compilation.Assembly);

    /// <summary>Returns whether it is a declared message of this compilation.</summary>
    public bool IsDeclaredHere(ITypeSymbol type) => IsOfThisCompilation(type) && Names.Attribute(type, Names.MessageAttribute) is not null;

    private void AddMessage(INamedTypeSymbol type, Origin origin)
    {
        if (IsGeneric(type))
        {
            Add(Rules.GenericMessage, origin.Location, origin.Name);
            return;
        }
        if (new Values(this, origin).CheckObject(type))
        {
            _reached.Add(Names.InCode(type));
            _waiting.Enqueue((type, origin));
        }
        while (_waiting.Count > 0)
        {
            _cancellation.ThrowIfCancellationRequested();
            var (next, reachedFrom) = _waiting.Dequeue();
            if (ModelOf(next, reachedFrom) is { } model)
                _types.Add(model.Type, model);
        }
    }

    private TypeModel? ModelOf(INamedTypeSymbol type, Origin origin)
    {
        if (KnownTypes.IsTuple(type))
            return TupleOf(type, origin);
        return type.IsAbstract ? Unions.ModelOf(this, type, origin) : Objects.ModelOf(this, type, origin);
    }

    private TupleModel? TupleOf(INamedTypeSymbol type, Origin origin)
    {
        var elements = type.TypeArguments.Select(element => Describe(element, origin)).ToEquatableIfAll();
        return elements is null ? null : new TupleModel(Names.InCode(type), type.IsReferenceType, elements.Value);
    }

    private string WireNameOf(INamedTypeSymbol type, AttributeData attribute, LocationModel place)
    {
        if (Names.Argument(attribute, "Name") is not { Value: string name })
            return Names.InMetadata(type);
        if (string.IsNullOrWhiteSpace(name))
            Add(Rules.EmptyWireName, LocationModel.Of(attribute, Compilation) ?? place, Names.InText(type));
        return name;
    }

    private static bool IsGeneric(INamedTypeSymbol type) => type.IsGenericType || (type.ContainingType is { } outer && IsGeneric(outer));
}
