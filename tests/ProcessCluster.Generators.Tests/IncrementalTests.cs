using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ProcessCluster.Generators.Tests;

/// <summary>What an edit makes the generator do again.</summary>
public sealed class IncrementalTests
{
    private const string Text = """
        namespace App;
        // above
        [ClusterMessage]
        public record Greeting(string Name, Address? Address);
        public record Address(string Street);
        public class Other { public int Method() => 1; }
        """;

    [Theory]
    [InlineData("=> 1", "=> 2")]
    [InlineData("// above", "// above\n\n\n// and more")]
    [InlineData("public class Other", "public class Renamed")]
    public void An_edit_that_changes_no_message_generates_nothing_again(string old, string text) =>
        Assert.Equal(IncrementalStepRunReason.Cached, ReasonAfter(Generation.Of(Text).AfterReplacing(old, text)));

    [Fact]
    public void A_file_more_generates_nothing_again() => Assert.Equal(
        IncrementalStepRunReason.Cached,
        ReasonAfter(Generation.Of(Text).After(compilation => compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("class More;", new CSharpParseOptions(LanguageVersion.Latest))))));

    [Theory]
    [InlineData("string Street", "string Street, int Number")]
    [InlineData("string Name", "int Name")]
    [InlineData("[ClusterMessage]", "[ClusterMessage(Name = \"g\")]")]
    public void An_edit_that_changes_a_message_generates_again(string old, string text)
    {
        var before = Generation.Of(Text);
        var after = before.AfterReplacing(old, text);
        Assert.Equal(IncrementalStepRunReason.Modified, ReasonAfter(after));
        Assert.NotEqual(before.Sources, after.Sources);
        Assert.Empty(after.Problems);
    }

    [Fact]
    public void What_is_told_moves_with_its_place()
    {
        var before = Generation.Of(Text.Replace("string Street", "object Street", StringComparison.Ordinal));
        var after = before.AfterReplacing("// above", "// above\n");
        Assert.Equal(4, Line(before));
        Assert.Equal(5, Line(after));
    }

    private static int Line(Generation generation) => Assert.Single(generation.Result.Diagnostics).Location.GetLineSpan().StartLinePosition.Line;

    private static IncrementalStepRunReason ReasonAfter(Generation generation) =>
        generation.Result.TrackedSteps[MessageGenerator.SourceStep].Single().Outputs.Single().Reason;
}
