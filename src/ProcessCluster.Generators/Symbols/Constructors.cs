using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Generators.Symbols;

/// <summary>Chooses the constructor that generated code uses.</summary>
internal sealed class Constructors(Compilation compilation, INamedTypeSymbol type, List<Member> members)
{
    private readonly List<IMethodSymbol> _public =
        [.. type.InstanceConstructors.Where(constructor => constructor.DeclaredAccessibility == Accessibility.Public)];

    /// <summary>The primary constructor, where the source of the type is at hand.</summary>
    public static IMethodSymbol? PrimaryOf(INamedTypeSymbol type) => type.InstanceConstructors.FirstOrDefault(constructor =>
        constructor.DeclaringSyntaxReferences.Any(reference => reference.GetSyntax() is TypeDeclarationSyntax { ParameterList: not null }));

    /// <summary>The constructor to use, or why there is none.</summary>
    public ConstructorChoice Choose()
    {
        if (type.IsRecord && PrimaryOf(type) is { } primary)
            return Matches(primary) ? ConstructorChoice.Of(primary) : ConstructorChoice.None(WhyNot(primary));

        var matching = _public.Where(constructor => constructor.Parameters.Length > 0 && Matches(constructor)).ToList();
        if (matching.Count == 1)
            return ConstructorChoice.Of(matching[0]);
        var empty = _public.Find(constructor => constructor.Parameters.Length == 0);
        // Without parameters is as good where the others set nothing that cannot be set afterwards.
        if (empty is not null && matching.TrueForAll(constructor => constructor.Parameters.All(parameter => MemberOf(parameter)!.IsWritable)))
            return ConstructorChoice.Of(empty);
        if (matching.Count > 1)
            return ConstructorChoice.Ambiguous(matching.Count);
        return ConstructorChoice.None(_public.Count switch
        {
            0 => "it has no public one",
            1 => WhyNot(_public[0]),
            _ => "each of its public ones has a parameter that matches no public property or field",
        });
    }

    /// <summary>The member that a parameter sets: the one of its name, whatever the case of the letters, and of a type that it takes.</summary>
    public Member? MemberOf(IParameterSymbol parameter)
    {
        var member = members.Find(candidate => candidate.Symbol.Name == parameter.Name)
            ?? members.Find(candidate => string.Equals(candidate.Symbol.Name, parameter.Name, StringComparison.OrdinalIgnoreCase));
        return member is not null && Takes(parameter, member.Type) ? member : null;
    }

    private bool Matches(IMethodSymbol constructor) =>
        constructor.Parameters.All(parameter => MemberOf(parameter) is not null)
        && constructor.Parameters.Select(MemberOf).Distinct().Count() == constructor.Parameters.Length;

    private bool Takes(IParameterSymbol parameter, ITypeSymbol value)
    {
        if (parameter.RefKind is not (RefKind.None or RefKind.In or RefKind.RefReadOnlyParameter))
            return false;
        var conversion = compilation.ClassifyCommonConversion(value, parameter.Type);
        return conversion.IsIdentity
            || conversion is { Exists: true, IsImplicit: true, IsUserDefined: false } && (conversion.IsReference || conversion.IsNullable);
    }

    private string WhyNot(IMethodSymbol constructor)
    {
        var parameter = constructor.Parameters.FirstOrDefault(candidate => MemberOf(candidate) is null);
        if (parameter is null)
            return "two of its parameters have the name of one property or field";
        return $"the parameter {parameter.Name} ({Names.InText(parameter.Type)}) is of no public property or field with that name and type";
    }
}

/// <summary>The constructor to use; or why there is none; or how many there are.</summary>
internal sealed record ConstructorChoice(IMethodSymbol? Constructor, string? Reason, int Count)
{
    public static ConstructorChoice Of(IMethodSymbol constructor) => new(constructor, null, 1);

    public static ConstructorChoice None(string reason) => new(null, reason, 0);

    public static ConstructorChoice Ambiguous(int count) => new(null, null, count);
}
