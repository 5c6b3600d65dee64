using System.Globalization;
using Microsoft.CodeAnalysis.CSharp;
using ProcessCluster.Generators.Diagnostics;
using ProcessCluster.Tests;

namespace ProcessCluster.Generators.Tests;

public sealed class RulesTests
{
    [Fact]
    public void The_table_of_diagnostics_is_what_is_told() => Assert.Equal(
        Rules.All.Select(rule => $"{rule.Id} | {rule.Title.ToString(CultureInfo.InvariantCulture)}"),
        MarkdownTable.Read("diagnostics.md", "# Diagnostics of messages").Select(row => string.Join(" | ", row)));

    [Fact]
    public void Each_rule_has_a_section_where_its_link_leads_with_an_example_that_breaks_it()
    {
        foreach (var rule in Rules.All)
        {
            var anchor = rule.HelpLinkUri.Split('#');
            Assert.Equal(rule.Id, anchor[1], ignoreCase: true);
            var section = Documents.Lines(Path.GetFileName(anchor[0]))
                .SkipWhile(line => line != $"## {rule.Id}")
                .Skip(1)
                .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
                .ToList();
            Assert.Contains(section, line => line.StartsWith("Remedy: ", StringComparison.Ordinal));

            var example = string.Join('\n', section.SkipWhile(line => line != "```csharp").Skip(1).TakeWhile(line => line != "```"));
            var version = rule == Rules.LanguageTooOld ? LanguageVersion.CSharp11 : LanguageVersion.Latest;
            var found = Generation.Of(version, $"using System.Threading; {example}").Result.Diagnostics;
            Assert.Equal(rule.Id, Assert.Single(found.Select(diagnostic => diagnostic.Id).Distinct()));
        }
    }

    [Fact]
    public void Ids_follow_one_another_and_each_rule_is_in_the_list()
    {
        Assert.Equal(Enumerable.Range(1, Rules.All.Count).Select(number => $"PCG{number:000}"), Rules.All.Select(rule => rule.Id));
        Assert.Equal(typeof(Rules).GetFields().Length, Rules.All.Count);
    }
}
