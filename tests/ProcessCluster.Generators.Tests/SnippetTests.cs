namespace ProcessCluster.Generators.Tests;

/// <summary>Each C# block of README.md and docs/ compiles.</summary>
public sealed class SnippetTests
{
    /// <summary>Its examples must not compile: <see cref="RulesTests"/> checks them.</summary>
    private const string Refused = "docs/reference/diagnostics.md";

    public static TheoryData<string> WithBlocks =>
        new(Documents.All.Where(document => document != Refused && Snippets.Of(document).Count > 0));

    [Theory]
    [MemberData(nameof(WithBlocks))]
    public void Each_block_compiles(string document)
    {
        var isWhole = document == "README.md" || document.StartsWith("docs/start/", StringComparison.Ordinal);
        var blocks = Snippets.Of(document);
        var problems = blocks.Select(block => (Block: block, Errors: Snippets.Compile(block, blocks.Where(other => other != block), isWhole)))
            .Where(result => result.Errors.Count > 0)
            .Select(result => $"{result.Block}\n{string.Join('\n', result.Errors)}");
        Assert.Empty(problems);
    }

    [Fact]
    public void A_block_that_does_not_compile_is_found() => Assert.NotEmpty(Snippets.Compile("Cluster.Fork(1, 2, 3);", [], isWhole: false));

    [Fact]
    public void No_block_has_another_name_for_the_language() => Assert.All(
        Documents.All, document => Assert.DoesNotMatch("\n```(cs|c#|C#)\n", Documents.Read(document)));
}
