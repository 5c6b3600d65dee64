using Microsoft.Extensions.Hosting;

namespace ProcessCluster.Tests;

public sealed class PublicApiTests
{
    private const string Accept = "ACCEPT_PUBLIC_API";

    [Theory]
    [InlineData(typeof(Cluster), "PublicApi.txt")]
    [InlineData(typeof(ProcessClusterHostBuilderExtensions), "PublicApi.Hosting.txt")]
    public void The_public_API_is_the_one_that_was_accepted(Type member, string file)
    {
        var path = Path.Combine(TestPaths.Repository, "tests", "ProcessCluster.Tests", file);
        var actual = PublicApi.Of(member.Assembly);
        if (Environment.GetEnvironmentVariable(Accept) == "1")
            File.WriteAllLines(path, actual);

        var accepted = File.ReadAllLines(path);
        var changes = accepted.Except(actual).Select(line => $"- {line}").Concat(actual.Except(accepted).Select(line => $"+ {line}"));
        Assert.True(
            actual.SequenceEqual(accepted),
            $"The public API has changed. If it should, run the test again with {Accept}=1, which rewrites {file}, and commit that."
            + Environment.NewLine + string.Join(Environment.NewLine, changes));
    }
}
