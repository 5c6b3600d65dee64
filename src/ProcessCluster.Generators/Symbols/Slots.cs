using Microsoft.CodeAnalysis;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>The places of an object's members on the wire: names in a map, or an order in an array.</summary>
internal sealed class Slots(TypeGraph graph, INamedTypeSymbol type, Func<Member, LocationModel> placeOf)
{
    /// <summary>A gap costs a byte in each message, so an order of thousands is a mistake.</summary>
    public const int MaxOrder = 999;

    private readonly TypeGraph _graph = graph;
    private readonly INamedTypeSymbol _type = type;
    private readonly Func<Member, LocationModel> _placeOf = placeOf;

    /// <summary>The order of each member, or null if they have none and go by their names.</summary>
    public List<int>? Assign(List<Member> members)
    {
        var first = members.Find(member => member.Order is not null);
        if (first is null)
        {
            CheckNames(members);
            return null;
        }
        foreach (var member in members)
        {
            if (member.Order is null)
                _graph.Add(Rules.MixedOrder, _placeOf(member), Names.InText(member.Symbol), Names.InText(first.Symbol), Names.InText(_type));
            else if (member.Order is < 0 or > MaxOrder)
                _graph.Add(Rules.OrderOutOfRange, _placeOf(member), Names.InText(member.Symbol), $"{member.Order}", $"{MaxOrder}");
        }
        foreach (var (earlier, member) in Twins(members, member => member.Order))
            _graph.Add(Rules.SameOrder, _placeOf(member), Names.InText(earlier.Symbol), Names.InText(member.Symbol), $"{member.Order}");
        return _graph.IsBroken ? null : [.. members.Select(member => member.Order!.Value)];
    }

    private void CheckNames(List<Member> members)
    {
        foreach (var (earlier, member) in Twins(members, member => member.WireName))
            _graph.Add(Rules.SameName, _placeOf(member), Names.InText(earlier.Symbol), Names.InText(member.Symbol), member.WireName);
    }

    private static IEnumerable<(Member Earlier, Member Later)> Twins<TKey>(List<Member> members, Func<Member, TKey> key) =>
        from twins in members.Where(member => key(member) is not null).GroupBy(key)
        let earlier = twins.First()
        from later in twins.Skip(1)
        select (earlier, later);
}
