namespace ProcessCluster.Testing;

/// <summary>README.md and the pages of docs/, which tests compare with the code.</summary>
public static class Documents
{
    /// <summary>The paths of README.md and all pages, from the root of the repository on.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "README.md",
        .. Directory.EnumerateFiles(Path.Combine(TestPaths.Repository, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(TestPaths.Repository, path))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Reads a document.</summary>
    /// <param name="document">Its path, as in <see cref="All"/>.</param>
    public static string Read(string document) => File.ReadAllText(Path.Combine(TestPaths.Repository, document));

    /// <summary>Reads the lines of a page.</summary>
    /// <param name="name">The page's file name. Its folder does not matter; docs/benchmarks/ is left out.</param>
    public static string[] Lines(string name) =>
        Read(All.Single(document => Path.GetFileName(document) == name && !document.StartsWith("docs/benchmarks/", StringComparison.Ordinal))).Split('\n');
}
