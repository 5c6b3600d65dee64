using System.Reflection;
using System.Text.RegularExpressions;

namespace ProcessCluster.Conformance;

/// <summary><c>conformance.md</c> says what is: every case once, each test that it names, and every test of a case.</summary>
public sealed partial class Table
{
    private static readonly string[] Document = Documents.Lines("conformance.md");

    [Theory]
    [InlineData("## test/parallel/test-cluster-*")]
    [InlineData("## Other tests of cluster")]
    [InlineData("## What Node has no test for")]
    public void Every_case_is_in_the_table_once(string heading)
    {
        var cases = heading switch
        {
            "## test/parallel/test-cluster-*" => Cases.OfCluster,
            "## Other tests of cluster" => Cases.Others,
            _ => Cases.BeyondNode,
        };
        Assert.Equal(cases.Order(), Rows(heading).Select(row => row.Case).Order());
    }

    [Fact]
    public void Every_test_that_is_named_exists_and_what_is_not_ported_has_a_reason()
    {
        foreach (var row in AllRows())
        {
            if (row.Passes.StartsWith("yes", StringComparison.Ordinal))
            {
                Assert.True(row.Tests.Count > 0, $"{row.Case} passes, but no test is named.");
                foreach (var test in row.Tests)
                    Assert.True(Exists(test), $"{row.Case}: there is no test {test}.");
            }
            else
            {
                Assert.Equal("—", row.Passes);
                Assert.Matches("^not ported( yet)?: .{20,}", row.PortedAs);
            }
        }
    }

    /// <summary>The name of a test begins with that of its case.</summary>
    [Fact]
    public void Every_test_of_a_case_is_in_its_row_and_says_that_it_is_adapted_where_it_is()
    {
        var rows = AllRows().Where(row => row.Case.StartsWith("test-", StringComparison.Ordinal)).ToDictionary(row => row.Case["test-".Length..].Replace('-', '_'));
        foreach (var test in Assembly.GetExecutingAssembly().GetTypes().SelectMany(Tests).Where(test => test.Name.Contains("__", StringComparison.Ordinal)))
        {
            Assert.True(rows.TryGetValue(test.Name.Split("__")[0], out var row), $"{test.Name} begins with no case's name.");
            var name = $"{test.DeclaringType!.Name}.{test.Name}";
            Assert.True(row.Tests.Contains(name), $"{name} is not in the row of {row.Case}.");
            if (IsAdapted(test))
                Assert.Equal("yes, adapted", row.Passes);
        }
    }

    [Fact]
    public void The_sums_are_right()
    {
        var sums = string.Create(null, $"Ported: {Ported("## test/parallel/test-cluster-*")} of {Cases.OfCluster.Length} cases of `test-cluster-*`, "
            + $"{Ported("## Other tests of cluster")} of {Cases.Others.Length} others.");
        Assert.Contains(sums, Document);

        static int Ported(string heading) => Rows(heading).Count(row => row.Passes != "—");
    }

    private static IEnumerable<Row> AllRows() => Document.Where(line => line.StartsWith("## ", StringComparison.Ordinal)).SelectMany(Rows);

    private static IEnumerable<Row> Rows(string heading) => Document
        .SkipWhile(line => line != heading)
        .SkipWhile(line => !line.StartsWith('|'))
        .TakeWhile(line => line.StartsWith('|'))
        .Skip(2)
        .Select(line => line.Trim('|').Split(" | "))
        .Select(cells => new Row(cells[0].Trim(' ', '`'), cells[2].Trim(), cells[3].Trim()));

    /// <summary>In this assembly, or by the text of its file in another project.</summary>
    private static bool Exists(string test)
    {
        var (type, method) = (test.Split('.')[0], test.Split('.')[1]);
        if (Assembly.GetExecutingAssembly().GetType($"{typeof(Table).Namespace}.{type}") is { } own)
            return Tests(own).Any(found => found.Name == method);
        return Directory.EnumerateFiles(Path.Combine(TestPaths.Repository, "tests"), $"{type}.cs", SearchOption.AllDirectories)
            .Any(file => Regex.IsMatch(File.ReadAllText(file), $@"\[(Fact|Theory)\]\s+(\[[^\n]*\s+)*public (async )?Task {method}\("));
    }

    /// <summary>Its comment says so.</summary>
    private static bool IsAdapted(MethodInfo test)
    {
        var source = File.ReadAllText(Path.Combine(TestPaths.Repository, "tests", "ProcessCluster.Conformance", $"{test.DeclaringType!.Name}.cs"));
        var before = source[..source.IndexOf($" {test.Name}(", StringComparison.Ordinal)];
        return before[before.LastIndexOf("\n\n", StringComparison.Ordinal)..].Contains("Adapted: ", StringComparison.Ordinal);
    }

    private static IEnumerable<MethodInfo> Tests(Type type) => type.GetMethods().Where(method => method.GetCustomAttributes<FactAttribute>(inherit: true).Any());

    private sealed partial record Row(string Case, string PortedAs, string Passes)
    {
        public IReadOnlyList<string> Tests { get; } = [.. TestName().Matches(PortedAs).Select(match => match.Groups[1].Value)];

        [GeneratedRegex(@"`(\w+\.\w+)`")]
        private static partial Regex TestName();
    }
}
