using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Tests.Linux.Processes;

public sealed class LaunchPathTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pc-path-").FullName;

    public LaunchPathTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "one", "sub"));
        Directory.CreateDirectory(Path.Combine(_folder, "one", "other"));
        Directory.CreateDirectory(Path.Combine(_folder, "one", "deep", "er"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "one", "link"), Path.Combine(_folder, "one", "other"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "one", "deep", "up"), Path.Combine(_folder, "one", "sub"));
        File.WriteAllText(Path.Combine(_folder, "one", "app"), "");
        File.WriteAllText(Path.Combine(_folder, "other"), "");
        Directory.CreateSymbolicLink(Path.Combine(_folder, "current"), Path.Combine(_folder, "one"));
    }

    [Theory]
    [InlineData("{0}/current/app", null, "{0}/current/app")]
    [InlineData("./app", null, "{0}/current/app")]
    [InlineData("app", null, "{0}/current/app")] // As dotnet takes it.
    [InlineData("app", "/nowhere:{0}/current", "{0}/current/app")]
    [InlineData("app", "/nowhere:.", "{0}/current/app")]
    [InlineData("sub/../app", null, "{0}/current/app")]
    [InlineData("../current/app", null, "{0}/current/app")]
    [InlineData("link/../app", null, "{0}/current/app")]
    public void A_link_that_was_typed_is_kept(string typed, string? searched, string expected) => Assert.Equal(
        string.Format(null, expected, _folder),
        AsTyped(string.Format(null, typed, _folder), searched is null ? null : string.Format(null, searched, _folder)));

    [Fact]
    public void Where_a_link_stands_before_two_dots_it_is_the_kernel_s_path_that_counts() =>
        Assert.Equal($"{_folder}/current/deep/up/../app", AsTyped("deep/up/../app", null)); // Not deep/app, which is nothing.

    [Theory]
    [InlineData("app", "/nowhere")]
    [InlineData("", null)]
    [InlineData("{0}/other", null)]
    [InlineData("{0}/nowhere/app", null)]
    [InlineData("./nowhere", null)]
    public void What_is_not_that_file_is_not_taken_for_it(string typed, string? searched) =>
        Assert.Equal($"{_folder}/one/app", AsTyped(string.Format(null, typed, _folder), searched));

    [Theory]
    [InlineData("{0}/one/app", "{0}/one", "{0}/current", "{0}/current/app")]
    [InlineData("{0}/one/app", "{0}/one/sub", "{0}/current/sub", "{0}/current/app")]
    [InlineData("{0}/one/app", "{0}/one", "{0}/one", "{0}/one/app")]
    [InlineData("{0}/other", "{0}/one", "{0}/current", "{0}/other")]
    public void A_file_beside_a_directory_that_was_typed_by_a_link_has_that_link(string path, string physical, string logical, string expected) => Assert.Equal(
        string.Format(null, expected, _folder),
        LaunchPath.Linked(string.Format(null, path, _folder), string.Format(null, physical, _folder), string.Format(null, logical, _folder)));

    [Fact]
    public void A_directory_that_the_shell_says_nothing_of_is_found_in_the_program_s_path()
    {
        Assert.Equal($"{_folder}/current", LaunchPath.DirectoryOf($"{_folder}/current/app", $"{_folder}/one"));
        Assert.Equal($"{_folder}/current/sub", LaunchPath.DirectoryOf($"{_folder}/current/sub/tool", $"{_folder}/one/sub"));
        Assert.Equal("/usr", LaunchPath.DirectoryOf($"{_folder}/current/app", "/usr"));
    }

    private string AsTyped(string typed, string? searched) =>
        LaunchPath.AsTyped($"{_folder}/one/app", typed, searched, [$"{_folder}/current", $"{_folder}/one"]);

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
