using System.Text.RegularExpressions;

namespace ProcessCluster.Tests.Documentation;

/// <summary>A sentence of a document. Each list item and each table cell begins a new one.</summary>
/// <param name="Document">The document's path.</param>
/// <param name="Text">The sentence, without the marks of Markdown.</param>
/// <param name="IsCell">True when it is in a table.</param>
internal sealed record Sentence(string Document, string Text, bool IsCell)
{
    public int Words => Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Count(word => word.Any(char.IsLetterOrDigit));

    public int Commas => Text.Count(character => character == ',');
}

/// <summary>Splits Markdown into sentences: no code blocks, no headings, no link targets.</summary>
internal static partial class Prose
{
    public static List<Sentence> SentencesOf(string document, string markdown)
    {
        var sentences =
            from paragraph in Paragraphs(markdown)
            from text in EndOfSentence().Split(WithoutMarks(paragraph.Text))
            let sentence = new Sentence(document, text.Trim(), paragraph.IsCell)
            where sentence.Words > 0
            select sentence;
        return [.. sentences];
    }

    private static IEnumerable<(string Text, bool IsCell)> Paragraphs(string markdown)
    {
        var paragraph = new List<string>();
        var isCode = false;
        foreach (var line in markdown.Split('\n').Append(""))
        {
            var text = line.Trim();
            var isFence = text.StartsWith("```", StringComparison.Ordinal);
            var isIndentedCode = paragraph.Count == 0 && line.StartsWith("    ", StringComparison.Ordinal);
            var item = ListItem().Match(text);
            var continues = !isFence && !isCode && !isIndentedCode && text.Length > 0 && !item.Success && text[0] is not ('#' or '|') && !IsComment(text);
            if (!continues && paragraph.Count > 0)
            {
                yield return (string.Join(' ', paragraph), false);
                paragraph.Clear();
            }
            if (isFence)
                isCode = !isCode;
            else if (continues)
                paragraph.Add(text);
            else if (!isCode && item.Success)
                paragraph.Add(text[item.Length..]);
            else if (!isCode && text.StartsWith('|'))
            {
                foreach (var cell in Bar().Split(text.Trim('|')))
                    yield return (cell, true);
            }
        }
    }

    private static bool IsComment(string line) => line.StartsWith("<!--", StringComparison.Ordinal);

    /// <summary>Keeps the text of links and of code, without the commas and full stops in code.</summary>
    private static string WithoutMarks(string text)
    {
        var withoutTargets = Link().Replace(text, "$1");
        return Code().Replace(withoutTargets, code => CodePunctuation().Replace(code.Value, "")).Replace("*", "", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"(?<=[.!?][""”)]?)\s+")]
    private static partial Regex EndOfSentence();

    [GeneratedRegex(@"^([-*]|[0-9]+\.)\s+")]
    private static partial Regex ListItem();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Bar();

    [GeneratedRegex(@"!?\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex Code();

    [GeneratedRegex("[,.!?]")]
    private static partial Regex CodePunctuation();
}
