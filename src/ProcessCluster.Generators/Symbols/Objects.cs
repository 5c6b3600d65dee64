using System.Text;
using Microsoft.CodeAnalysis;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>From a class, record or struct to its model: which constructor, which members, and how each gets its value.</summary>
internal sealed class Objects
{
    private readonly TypeGraph _graph;
    private readonly INamedTypeSymbol _type;
    private readonly Origin _origin;
    private readonly List<Member> _members;
    private readonly Constructors _constructors;

    private Objects(TypeGraph graph, INamedTypeSymbol type, Origin origin)
    {
        _graph = graph;
        _type = type;
        _origin = origin with { Location = LocationModel.Of(type, graph.Compilation) ?? origin.Location };
        _members = Member.AllOf(type);
        _constructors = new Constructors(graph.Compilation, type, _members);
    }

    public static ObjectModel? ModelOf(TypeGraph graph, INamedTypeSymbol type, Origin origin) => new Objects(graph, type, origin).Model();

    private ObjectModel? Model()
    {
        var choice = _constructors.Choose();
        if (choice.Constructor is not { } constructor)
        {
            Refuse(choice);
            return null;
        }
        var matches = constructor.Parameters.ToDictionary(parameter => _constructors.MemberOf(parameter)!, parameter => parameter);
        var sent = _members.Where(member => !member.IsIgnored && (member.IsWritable || matches.ContainsKey(member))).ToList();
        // A record without members is meant to have none; of other types elsewhere it is more likely that they do not show them.
        if (sent.Count == 0 && !_type.IsRecord && !_graph.IsOfThisCompilation(_type))
        {
            _graph.Add(
                Rules.UnsupportedType,
                _origin.Location,
                _origin.Name,
                Names.InText(_type),
                "it has no public members that can be written and read again: use a record of your own that has what is to be sent, "
                + "or leave the member out with [IgnoreDataMember]");
            return null;
        }

        var slots = new Slots(_graph, _type, PlaceOf).Assign(sent);
        var setsRequired = Names.Attribute(constructor, Names.SetsRequiredAttribute) is not null;
        var models = sent
            .Select((member, index) => ModelOf(
                member, matches.TryGetValue(member, out var parameter) ? parameter : null, slots?[index] ?? -1, setsRequired))
            .ToEquatableIfAll();
        if (models is null)
            return null;
        var unsent = setsRequired
            ? []
            : _members.Where(member => member.IsRequired && !sent.Contains(member)).Select(member => member.Symbol.Name).Concat(NonPublicRequired());
        return new ObjectModel(
            Names.InCode(_type),
            _type.IsReferenceType,
            slots is null || slots.Count == 0 ? null : slots.Max() + 1,
            models.Value,
            constructor.Parameters.Select(parameter => ModelOf(parameter, sent)).ToEquatable(),
            unsent.Select(Names.InCode).ToEquatable());
    }

    private MemberModel? ModelOf(Member member, IParameterSymbol? parameter, int slot, bool setsRequired)
    {
        var origin = new Origin(Names.InText(member.Symbol), PlaceOf(member));
        if (_graph.Describe(member.Type, origin) is not { } value)
            return null;
        var setting = member.IsRequired && !setsRequired ? MemberSetting.Required
            : parameter is not null ? MemberSetting.Constructor
            : member.IsInitOnly ? MemberSetting.Init
            : MemberSetting.Set;
        return new MemberModel(
            Names.InCode(member.Symbol.Name),
            // A half surrogate has no UTF-8; it is written as U+FFFD, like any other text.
            Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(member.WireName)),
            slot,
            value,
            setting,
            member.IsInitOnly,
            parameter is not null && IsSameType(parameter, member) ? Literals.DefaultOf(parameter) : null,
            IsNilMissing(member, value));
    }

    private ParameterModel ModelOf(IParameterSymbol parameter, List<Member> sent)
    {
        var member = _constructors.MemberOf(parameter)!;
        var index = sent.IndexOf(member);
        var literal = Literals.DefaultOf(parameter);
        if (index < 0)
            return new ParameterModel(-1, Literals.Typed(parameter, literal));
        return new ParameterModel(index, literal is null || IsSameType(parameter, member) ? null : Literals.Typed(parameter, literal));
    }

    private static bool IsSameType(IParameterSymbol parameter, Member member) => Names.InCode(parameter.Type) == Names.InCode(member.Type);

    /// <summary>Returns the required members that are less visible than public.</summary>
    private IEnumerable<string> NonPublicRequired()
    {
        for (var current = _type; current is not null; current = current.BaseType)
        {
            foreach (var symbol in current.GetMembers())
            {
                var isRequired = symbol is IPropertySymbol { IsRequired: true } or IFieldSymbol { IsRequired: true };
                if (isRequired && symbol.DeclaredAccessibility != Accessibility.Public)
                    yield return symbol.Name;
            }
        }
    }

    private static bool IsNilMissing(Member member, ValueModel value) => member.Type.IsReferenceType
        ? member.Type.NullableAnnotation == NullableAnnotation.NotAnnotated
        : value.Kind != ValueKind.Nullable && value.Formatter != "ImmutableArrayFormatter";

    private void Refuse(ConstructorChoice choice)
    {
        if (!_graph.IsOfThisCompilation(_type))
        {
            var why = choice.Reason is null ? "it has several constructors that could create it" : "no public constructor of it can be used";
            _graph.Add(
                Rules.UnsupportedType,
                _origin.Location,
                _origin.Name,
                Names.InText(_type),
                $"{why}, and it is declared elsewhere: use a record of your own that has what is to be sent");
        }
        else if (choice.Reason is { } reason)
        {
            _graph.Add(Rules.NoConstructor, _origin.Location, Names.InText(_type), reason);
        }
        else
        {
            _graph.Add(Rules.AmbiguousConstructors, _origin.Location, Names.InText(_type), $"{choice.Count}");
        }
    }

    private LocationModel PlaceOf(Member member) => LocationModel.Of(member.Symbol, _graph.Compilation) ?? _origin.Location;
}
