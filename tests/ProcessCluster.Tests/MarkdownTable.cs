namespace ProcessCluster.Tests;

/// <summary>Tables in docs/ that tests compare with the code.</summary>
internal static class MarkdownTable
{
    /// <summary>The rows of the first table below the heading, without the two lines of its head; backquotes are left out.</summary>
    public static List<string[]> Read(string file, string heading) =>
        [.. Documents.Lines(file)
            .SkipWhile(line => line != heading)
            .SkipWhile(line => !line.StartsWith('|'))
            .TakeWhile(line => line.StartsWith('|'))
            .Skip(2)
            .Select(line => line.Replace("`", "", StringComparison.Ordinal).Trim('|').Split('|', StringSplitOptions.TrimEntries))];

    /// <summary>The names in a cell that lists some; "—" is none.</summary>
    public static string[] Names(string cell) =>
        cell == "—" ? [] : cell.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
