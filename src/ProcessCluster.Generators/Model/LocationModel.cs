using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace ProcessCluster.Generators.Model;

/// <summary>A place in the source that does not hold on to the syntax tree.</summary>
internal sealed record LocationModel(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static LocationModel Of(Location location) =>
        new(location.SourceTree?.FilePath ?? "", location.SourceSpan, location.GetLineSpan().Span);

    /// <summary>Returns the location of the symbol in this compilation, or null.</summary>
    public static LocationModel? Of(ISymbol symbol, Compilation compilation) =>
        symbol.Locations.FirstOrDefault(location => location.SourceTree is { } tree && compilation.ContainsSyntaxTree(tree)) is { } location
            ? Of(location)
            : null;

    /// <summary>Returns the location of the attribute in this compilation, or null.</summary>
    public static LocationModel? Of(AttributeData attribute, Compilation compilation) =>
        attribute.ApplicationSyntaxReference is { } reference && compilation.ContainsSyntaxTree(reference.SyntaxTree)
            ? Of(Location.Create(reference.SyntaxTree, reference.Span))
            : null;

    public Location ToLocation() => Location.Create(Path, Span, Lines);
}
