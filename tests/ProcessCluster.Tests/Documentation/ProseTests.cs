using System.Text.RegularExpressions;

namespace ProcessCluster.Tests.Documentation;

/// <summary>Counts words and commas in the documents, and words that a doc summary must not begin with.</summary>
public sealed partial class ProseTests
{
    private const int MostWords = 35;
    private const double MostMedianWords = 18;
    private const double MostCommas = 1.0;

    /// <summary>How many doc summaries in src/ may still begin with a question word. It only ever gets smaller; the aim is 0.</summary>
    private const int MostQuestionSummaries = 0;

    private static readonly List<Sentence> Sentences = [.. Documents.All.SelectMany(document => Prose.SentencesOf(document, Documents.Read(document)))];

    /// <summary>Cells are short, and would make the prose look better than it is.</summary>
    private static readonly List<Sentence> WithoutCells = [.. Sentences.Where(sentence => !sentence.IsCell)];

    [Fact]
    public void The_median_sentence_is_short()
    {
        var words = WithoutCells.Select(sentence => sentence.Words).Order().ToList();
        Assert.InRange((words[(words.Count - 1) / 2] + words[words.Count / 2]) / 2.0, 1, MostMedianWords);
    }

    [Fact]
    public void Sentences_have_one_comma_on_average() => Assert.InRange(WithoutCells.Average(sentence => sentence.Commas), 0, MostCommas);

    [Fact]
    public void No_sentence_is_long()
    {
        var tooLong = Sentences.Where(sentence => sentence.Words > MostWords).Select(sentence => $"{sentence.Document}, {sentence.Words} words: {sentence.Text}").ToList();
        Assert.True(tooLong.Count == 0, string.Join(Environment.NewLine, tooLong));
    }

    [Fact]
    public void Each_document_keeps_the_limits_by_itself()
    {
        var breaches = WithoutCells.GroupBy(sentence => sentence.Document)
            .Select(group => (Document: group.Key, Commas: group.Average(sentence => sentence.Commas), Median: group.Select(sentence => sentence.Words).Order().ElementAt(group.Count() / 2)))
            .Where(document => document.Commas > 1.5 * MostCommas || document.Median > 1.2 * MostMedianWords)
            .Select(document => $"{document.Document}: {document.Commas:F2} commas a sentence, median {document.Median} words").ToList();
        Assert.True(breaches.Count == 0, string.Join(Environment.NewLine, breaches));
    }

    [Theory]
    [InlineData("# A heading, with a comma\n\nOne two. Three [four](five.md#six) `seven, eight.` nine.\n", "2/0 5/0")]
    [InlineData("- One, two\n  three.\n- Four\n\n1. Five.\n", "3/1 1/0 1/0")]
    [InlineData("| A | B |\n|---|---|\n| One two. Three | four, five |\n", "1/0 1/0 2/0 1/0 2/1")]
    [InlineData("One\n\n```csharp\nTwo three\n```\n\n    four five\n\nSix (0.5 s).\n", "1/0 3/0")]
    [InlineData("<!-- a comment -->\nOne?\n", "1/0")]
    public void Sentences_are_found(string markdown, string expected) =>
        Assert.Equal(expected, string.Join(' ', Prose.SentencesOf("", markdown).Select(sentence => $"{sentence.Words}/{sentence.Commas}")));

    [Fact]
    public void No_doc_summary_begins_with_a_question_word()
    {
        var breaches = SourceFile.All
            .SelectMany(file => QuestionSummary().Matches(file.Root.ToFullString()).Select(match => $"{file.Path}: {match.Groups[1].Value}"))
            .ToList();
        Assert.True(breaches.Count <= MostQuestionSummaries, $"{breaches.Count} summaries:{Environment.NewLine}{string.Join(Environment.NewLine, breaches)}");
    }

    [GeneratedRegex(@"<summary>\s*(?:///\s*)?((?:What|Who|Whose|Whether|Which|Where|How)\b.*)")]
    private static partial Regex QuestionSummary();
}
