using ProcessCluster.Platform;

namespace ProcessCluster.Tests.Platform;

public sealed class LaunchPathTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pc-path-").FullName;

    public LaunchPathTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "one"));
        File.WriteAllText(Path.Combine(_folder, "one", "app"), "");
        File.WriteAllText(Path.Combine(_folder, "other"), "");
        Directory.CreateSymbolicLink(Path.Combine(_folder, "current"), Path.Combine(_folder, "one"));
    }

    [Fact]
    public void A_link_that_was_typed_is_kept() =>
        Assert.Equal($"{_folder}/current/app", LaunchPath.AsTyped($"{_folder}/one/app", $"{_folder}/current/app"));

    [Theory]
    [InlineData("app")]
    [InlineData("{0}/other")]
    [InlineData("{0}/nowhere/app")]
    [InlineData("./nowhere")]
    public void What_is_not_that_file_is_not_taken_for_it(string typed) =>
        Assert.Equal($"{_folder}/one/app", LaunchPath.AsTyped($"{_folder}/one/app", string.Format(null, typed, _folder)));

    [Fact]
    public void The_shell_s_idea_of_the_directory_counts_while_it_is_that()
    {
        Assert.Equal($"{_folder}/current", LaunchPath.Logical($"{_folder}/one", $"{_folder}/current"));
        Assert.Equal($"{_folder}/one", LaunchPath.Logical($"{_folder}/one", _folder));
        Assert.Equal($"{_folder}/one", LaunchPath.Logical($"{_folder}/one", "current"));
        Assert.Equal($"{_folder}/one", LaunchPath.Logical($"{_folder}/one", null));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
