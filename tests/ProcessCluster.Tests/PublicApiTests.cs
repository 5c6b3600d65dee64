namespace ProcessCluster.Tests;

public sealed class PublicApiTests
{
    private const string Accept = "ACCEPT_PUBLIC_API";

    private static readonly string File = Path.Combine(TestPaths.Repository, "tests", "ProcessCluster.Tests", "PublicApi.txt");

    [Fact]
    public void The_public_API_is_the_one_that_was_accepted()
    {
        var actual = PublicApi.Of(typeof(Cluster).Assembly);
        if (Environment.GetEnvironmentVariable(Accept) == "1")
            System.IO.File.WriteAllLines(File, actual);

        var accepted = System.IO.File.ReadAllLines(File);
        var changes = accepted.Except(actual).Select(line => $"- {line}").Concat(actual.Except(accepted).Select(line => $"+ {line}"));
        Assert.True(
            actual.SequenceEqual(accepted),
            $"The public API has changed. If it should, run the test again with {Accept}=1, which rewrites PublicApi.txt, and commit that."
            + Environment.NewLine + string.Join(Environment.NewLine, changes));
    }
}
