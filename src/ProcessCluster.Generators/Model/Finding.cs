using Microsoft.CodeAnalysis;

namespace ProcessCluster.Generators.Model;

/// <summary>A diagnostic that can be compared.</summary>
internal sealed record Finding(DiagnosticDescriptor Rule, LocationModel Location, EquatableArray<string> Arguments)
{
    public Finding(DiagnosticDescriptor rule, LocationModel location, params string[] arguments)
        : this(rule, location, arguments.ToEquatable())
    {
    }

    public Diagnostic ToDiagnostic() => Diagnostic.Create(Rule, Location.ToLocation(), Arguments.ToArray<object>());
}
