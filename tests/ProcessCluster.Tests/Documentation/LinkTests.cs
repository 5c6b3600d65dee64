using System.Text.RegularExpressions;

namespace ProcessCluster.Tests.Documentation;

/// <summary>Links within the repository lead to a file, and to a heading that the file has.</summary>
public sealed partial class LinkTests
{
    /// <summary>Documents that others may link to before they are written.</summary>
    private static readonly string[] ToCome = [];

    private static readonly string[] Linking =
    [
        .. Documents.All,
        "CHANGELOG.md",
        .. Directory.GetFiles(Path.Combine(TestPaths.Repository, "samples"), "README.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(TestPaths.Repository, path)),
    ];

    [Fact]
    public void Each_relative_link_leads_somewhere()
    {
        var broken =
            from document in Linking
            from Match link in Target().Matches(WithoutCode(Documents.Read(document)))
            let target = link.Groups[1].Value
            where !target.Contains("://", StringComparison.Ordinal)
            let fault = Fault(document, target)
            where fault is not null
            select $"{document}: {target}: {fault}";
        Assert.Empty(broken);
    }

    [Fact]
    public void Each_page_is_in_the_index()
    {
        var index = Documents.Read("docs/README.md");
        var missing = Documents.All.Where(document => document is not ("README.md" or "docs/README.md"))
            .Where(document => !index.Contains($"]({document["docs/".Length..]})", StringComparison.Ordinal));
        Assert.Empty(missing);
    }

    [Fact]
    public void Each_page_begins_with_its_purpose()
    {
        var others = Documents.All.Where(document => document.StartsWith("docs/", StringComparison.Ordinal))
            .Where(document => Documents.Read(document).Split('\n') is not [['#', ' ', ..], "", [>= 'A' and <= 'Z', ..], ..]);
        Assert.Empty(others);
    }

    /// <summary>By the file's name: its folder is the business of the page itself.</summary>
    [Fact]
    public void Each_page_that_the_source_names_exists()
    {
        var pages = Documents.All.Select(Path.GetFileName).ToHashSet();
        var missing = SourceFile.All.SelectMany(file => Named().Matches(file.Root.ToFullString()).Select(match => $"{file.Path}: {match.Value}"))
            .Where(named => !pages.Contains(Path.GetFileName(named)));
        Assert.Empty(missing);
    }

    [Theory]
    [InlineData("## What moves, and what does not", "what-moves-and-what-does-not")]
    [InlineData("### `READY=1` over *TLS*", "ready1-over-tls")]
    public void Anchors_are_those_of_GitHub(string heading, string anchor) => Assert.Equal([anchor], Anchors(heading));

    private static string? Fault(string document, string target)
    {
        var parts = target.Split('#');
        var path = parts[0].Length == 0 ? document : Path.GetRelativePath("/", Path.Combine("/", Path.GetDirectoryName(document)!, parts[0]));
        var full = Path.Combine(TestPaths.Repository, path);
        if (!File.Exists(full) && !Directory.Exists(full))
            return ToCome.Contains(path) ? null : "no such file";
        return parts.Length == 1 || Anchors(Documents.Read(path)).Contains(parts[1]) ? null : "no such heading";
    }

    private static List<string> Anchors(string markdown) =>
        [.. Heading().Matches(WithoutCode(markdown)).Select(match => NotInAnchors().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'))];

    private static string WithoutCode(string markdown) => Fence().Replace(markdown, "");

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Target();

    [GeneratedRegex(@"docs/[\w/-]+\.md")]
    private static partial Regex Named();

    [GeneratedRegex("^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();
}
