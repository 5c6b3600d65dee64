namespace ProcessCluster.Tests.Documentation;

/// <summary>The README is short, keeps its order, and names the commands that continuous integration runs.</summary>
public sealed class ReadmeTests
{
    private const int MostLines = 120;

    private static readonly string Text = Documents.Read("README.md");

    [Fact]
    public void It_is_short() => Assert.InRange(Text.TrimEnd('\n').Split('\n').Length, 1, MostLines);

    [Fact]
    public void Its_parts_are_in_order()
    {
        string[] parts =
        [
            "# ProcessCluster", "```text", "dotnet add package ProcessCluster.AspNetCore", "```csharp", "## Supported systems", "## Features",
            "## When to use it", "## Links",
        ];
        var places = parts.Select(part => Text.IndexOf(part, StringComparison.Ordinal)).ToList();
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
    }

    [Theory]
    [InlineData("dotnet test -c Release")]
    [InlineData("dotnet run -c Release --project samples/HeavyEndpoint")]
    public void It_names_the_command(string command) => Assert.Contains($"\n{command}\n", Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("does not make CPU-bound work faster")]
    [InlineData("docs/benchmarks/heavy-endpoint.md")]
    [InlineData("memory")]
    public void It_states_the_losses(string loss) => Assert.Contains(loss, Text, StringComparison.Ordinal);
}
