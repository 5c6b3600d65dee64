using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Generators.Emission;
using ProcessCluster.Generators.Model;
using ProcessCluster.Generators.Symbols;

namespace ProcessCluster.Generators;

/// <summary>
/// Writes the formatters of types that bear [ClusterMessage]: symbols → models → text. Models are compared by value, so that an edit
/// that changes no message generates nothing again; places in the source, which change with every line, go another way than what
/// becomes code.
/// </summary>
[Generator(LanguageNames.CSharp)]
internal sealed class MessageGenerator : IIncrementalGenerator
{
    public const string ExploreStep = "Explore";
    public const string ShapeStep = "Shape";
    public const string SourceStep = "Source";

    private const LanguageVersion Oldest = LanguageVersion.CSharp12;

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var messages = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                Names.MessageAttribute,
                static (node, _) => node is TypeDeclarationSyntax,
                static (match, cancellation) => TypeGraph.Explore(
                    (INamedTypeSymbol)match.TargetSymbol, match.Attributes[0], match.SemanticModel.Compilation, cancellation))
            .WithTrackingName(ExploreStep);
        var language = context.ParseOptionsProvider.Select(static (options, _) => ((CSharpParseOptions)options).LanguageVersion);

        var shapes = messages.Select(static (message, _) => message.Shape).WithTrackingName(ShapeStep);
        context.RegisterSourceOutput(
            shapes.Collect().Combine(language).WithTrackingName(SourceStep),
            static (output, found) => Generate(output, found.Left, found.Right));
        context.RegisterSourceOutput(
            messages.Collect().Combine(language),
            static (output, found) => Report(output, found.Left, found.Right));
    }

    /// <summary>All or nothing: with an error the build fails anyway, and half of the code would only bring errors that nobody made.</summary>
    private static void Generate(SourceProductionContext output, ImmutableArray<MessageShape> shapes, LanguageVersion language)
    {
        if (shapes.IsEmpty || language < Oldest || shapes.Any(shape => shape.IsBroken))
            return;
        foreach (var (name, text) in new Sources(shapes).All(output.CancellationToken))
            output.AddSource(name, text);
    }

    private static void Report(SourceProductionContext output, ImmutableArray<MessageFindings> messages, LanguageVersion language)
    {
        if (messages.IsEmpty)
            return;
        var findings = messages.SelectMany(message => message.Findings).Concat(SameWireNames(messages));
        if (language < Oldest)
            findings = findings.Prepend(new Finding(Rules.LanguageTooOld, messages[0].Location, language.ToDisplayString()));
        foreach (var finding in findings.Distinct())
            output.ReportDiagnostic(finding.ToDiagnostic());
    }

    private static IEnumerable<Finding> SameWireNames(ImmutableArray<MessageFindings> messages) =>
        from twins in messages.GroupBy(message => message.Shape.Message.WireName)
        let ordered = twins.OrderBy(message => message.Shape.Message.Type, StringComparer.Ordinal).ToList()
        from later in ordered.Skip(1)
        select new Finding(Rules.SameWireName, later.Location, ordered[0].DisplayName, later.DisplayName, twins.Key);
}
