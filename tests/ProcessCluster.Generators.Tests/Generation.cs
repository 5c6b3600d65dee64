using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ProcessCluster.Generators.Tests;

/// <summary>The generator, run on source that a test gives.</summary>
internal sealed class Generation
{
    private static readonly ImmutableArray<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Where(path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal) || Path.GetFileName(path) is "ProcessCluster.dll" or "netstandard.dll")
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private Generation(CSharpCompilation compilation, GeneratorDriver driver)
    {
        Driver = driver.RunGeneratorsAndUpdateCompilation(compilation, out var updated, out _);
        Compilation = compilation;
        Result = Driver.GetRunResult().Results.Single();
        Problems = [.. updated.GetDiagnostics().Where(problem => problem.Severity >= DiagnosticSeverity.Warning).Select(problem => problem.ToString())];
    }

    public CSharpCompilation Compilation { get; }

    public GeneratorDriver Driver { get; }

    public GeneratorRunResult Result { get; }

    /// <summary>What the compiler says to it all, warnings included.</summary>
    public List<string> Problems { get; }

    public IEnumerable<string> Sources => Result.GeneratedSources.Select(source => $"// {source.HintName}\n{source.SourceText}");

    /// <summary>Runs the generator on files, File0.cs and so on, that have the usual usings.</summary>
    public static Generation Of(params string[] files) => Of(LanguageVersion.Latest, files);

    public static Generation Of(LanguageVersion version, params string[] files) => Of(version, [], files);

    public static Generation Of(LanguageVersion version, IEnumerable<MetadataReference> more, params string[] files)
    {
        var options = new CSharpParseOptions(version);
        var compilation = CSharpCompilation.Create(
            "Test",
            files.Select((text, index) => CSharpSyntaxTree.ParseText(WithUsings(text), options, $"File{index}.cs")),
            [.. References, .. more],
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable, allowUnsafe: true));
        var driver = CSharpGeneratorDriver.Create(
            [new MessageGenerator().AsSourceGenerator()],
            parseOptions: options,
            driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));
        return new Generation(compilation, driver);
    }

    /// <summary>Runs it again after an edit.</summary>
    public Generation After(Func<CSharpCompilation, CSharpCompilation> edit) => new(edit(Compilation), Driver);

    /// <summary>Replaces text in the first file.</summary>
    public Generation AfterReplacing(string old, string text) => After(compilation =>
    {
        var tree = compilation.SyntaxTrees[0];
        var changed = tree.GetText().ToString().Replace(old, text, StringComparison.Ordinal);
        return compilation.ReplaceSyntaxTree(tree, CSharpSyntaxTree.ParseText(changed, (CSharpParseOptions)tree.Options, tree.FilePath));
    });

    /// <summary>In the first line, so that lines are counted as the test writes them.</summary>
    private static string WithUsings(string text) =>
        $"using System; using System.Collections.Generic; using System.Runtime.Serialization; using ProcessCluster; {text}";
}
