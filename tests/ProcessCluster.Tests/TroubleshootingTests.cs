using System.Globalization;
using System.Text.RegularExpressions;

namespace ProcessCluster.Tests;

/// <summary>Operators look a log message up by its event id: docs/troubleshooting.md has an entry for each one that asks for attention.</summary>
public sealed partial class TroubleshootingTests
{
    private static readonly List<(int Id, string Level, string Text)> Logged =
        [.. MarkdownTable.Read("logging.md", "# What is logged").Select(row => (int.Parse(row[0], CultureInfo.InvariantCulture), row[1], row[2]))];

    [Fact]
    public void Each_warning_and_error_has_an_entry()
    {
        var explained = Explained();
        var missing = Logged.Where(message => message.Level is "Warning" or "Error" or "Critical" && !explained.Contains(message.Id)).ToList();
        Assert.True(missing.Count == 0, $"Add to docs/troubleshooting.md:{Environment.NewLine}{string.Join(Environment.NewLine, missing)}");
    }

    [Fact]
    public void Each_entry_is_of_a_message_that_is_logged() =>
        Assert.Empty(Explained().Except(Logged.Select(static message => message.Id)));

    /// <summary>The event ids in the headings and in the first cells of the tables.</summary>
    private static HashSet<int> Explained() =>
        [.. Documents.Lines("troubleshooting.md")
            .Where(static line => line.StartsWith('|') || line.StartsWith('#'))
            .SelectMany(static line => EventId().Matches(line.StartsWith('|') ? line.Split('|')[1] : line))
            .Select(static match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex("`([0-9]+)`")]
    private static partial Regex EventId();
}
