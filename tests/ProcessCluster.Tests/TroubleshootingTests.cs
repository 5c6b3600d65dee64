using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Tests;

/// <summary>
/// Operators look up a log message by its event id: troubleshooting.md has cause and remedy of each message of level Warning and above, and
/// quotes messages as the code has them.
/// </summary>
public sealed partial class TroubleshootingTests
{
    /// <summary>Quoted texts of the runtime, of ASP.NET Core and of shells.</summary>
    private static readonly string[] OfOthers = ["Out of memory.", "Stopped", "Now listening on"];

    private static readonly List<(int Id, string Level, string Text)> Logged =
        [.. MarkdownTable.Read("logging.md", "# What is logged").Select(row => (int.Parse(row[0], CultureInfo.InvariantCulture), row[1], row[2]))];

    private static readonly string[] Page = Documents.Lines("troubleshooting.md");

    private static readonly List<string[]> Rows = [.. Page.Where(static line => line.StartsWith("| ", StringComparison.Ordinal)).Select(static line => Cells(line))];

    /// <summary>The texts in the source, with a line break between each two.</summary>
    private static readonly string Source = string.Join('\n', SourceFile.All.SelectMany(static file => Texts(file.Root)));

    [Fact]
    public void Each_warning_and_error_has_an_entry()
    {
        var explained = Explained();
        var missing = Logged.Where(message => message.Level is "Warning" or "Error" or "Critical" && !explained.Contains(message.Id)).ToList();
        Assert.True(missing.Count == 0, $"Add to troubleshooting.md:{Environment.NewLine}{string.Join(Environment.NewLine, missing)}");
    }

    [Fact]
    public void Each_entry_is_of_a_message_that_is_logged() =>
        Assert.Empty(Explained().Except(Logged.Select(static message => message.Id)));

    [Fact]
    public void Each_entry_has_a_cause_and_a_remedy() =>
        Assert.Empty(Rows.Where(static row => row.Skip(1).Any(static cell => cell.Length == 0)).Select(static row => string.Join(" | ", row)));

    [Fact]
    public void Each_warning_and_error_is_quoted()
    {
        var missing = Logged.Where(message => message.Level is "Warning" or "Error" or "Critical" && Parts(Placeholder().Replace(message.Text, "…")).Count > 0)
            .Where(message => !Page.Where(line => line.Contains($"`{message.Id}`", StringComparison.Ordinal)).SelectMany(Quotes)
                .Any(quote => Parts(quote).All(part => message.Text.Contains(part, StringComparison.Ordinal))));
        Assert.Empty(missing);
    }

    [Fact]
    public void Each_quoted_text_is_in_the_source()
    {
        var unknown = Rows.SelectMany(static row => row.Take(2)).SelectMany(Quotes).Except(OfOthers)
            .SelectMany(static quote => Parts(quote).Select(part => (quote, part)))
            .Where(static text => !Source.Contains(text.part, StringComparison.Ordinal));
        Assert.Empty(unknown);
    }

    /// <summary>Such reasons begin with what the worker did: "it sent …".</summary>
    [Fact]
    public void Each_reason_to_cut_a_worker_off_is_quoted()
    {
        var quoted = Rows.SelectMany(static row => row).SelectMany(Quotes).SelectMany(static quote => Parts(quote)).ToList();
        var missing = SourceFile.All.Where(static file => file.Project == "ProcessCluster").SelectMany(static file => Texts(file.Root))
            .Where(static text => text.StartsWith("it ", StringComparison.Ordinal))
            .Where(text => !quoted.Exists(part => text.Contains(part, StringComparison.Ordinal)));
        Assert.Empty(missing);
    }

    /// <summary>The event ids in the headings and in the first cells of the tables.</summary>
    private static HashSet<int> Explained() =>
        [.. Page
            .Where(static line => line.StartsWith('|') || line.StartsWith('#'))
            .SelectMany(static line => EventId().Matches(line.StartsWith('|') ? line.Split('|')[1] : line))
            .Select(static match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    private static string[] Cells(string line) => line.Trim('|').Split('|', StringSplitOptions.TrimEntries);

    private static IEnumerable<string> Quotes(string text) => Quote().Matches(text).Select(static match => match.Groups[1].Value);

    /// <summary>The parts of a quoted text between numbers and "…", which stand for values.</summary>
    private static List<string> Parts(string quote) =>
        [.. Value().Split(quote).Select(static part => part.Trim(' ', '.', ',')).Where(static part => part.Length > 3)];

    /// <summary>The strings of a file, with "…" for values. Texts that are added are one.</summary>
    private static IEnumerable<string> Texts(SyntaxNode root) =>
        root.DescendantNodes()
            .Where(static node => node is LiteralExpressionSyntax or InterpolatedStringExpressionSyntax or BinaryExpressionSyntax { RawKind: (int)SyntaxKind.AddExpression })
            .Where(static node => node.Parent is not BinaryExpressionSyntax { RawKind: (int)SyntaxKind.AddExpression })
            .Select(static node => Text(node).Replace('\n', ' '));

    private static string Text(SyntaxNode node) => node switch
    {
        LiteralExpressionSyntax { RawKind: (int)SyntaxKind.StringLiteralExpression } literal => literal.Token.ValueText,
        InterpolatedStringExpressionSyntax text => string.Concat(text.Contents.Select(static content => content is InterpolatedStringTextSyntax part ? part.TextToken.ValueText : "…")),
        BinaryExpressionSyntax sum => Text(sum.Left) + Text(sum.Right),
        _ => "…",
    };

    [GeneratedRegex("`([0-9]+)`")]
    private static partial Regex EventId();

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex("\"([^\"]+)\"")]
    private static partial Regex Quote();

    [GeneratedRegex("…|[0-9]+")]
    private static partial Regex Value();
}
