using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Tests.Linux.Processes;

public sealed class SelfCommandTests
{
    private const string Dotnet = "/usr/bin/dotnet";

    [Theory]
    [InlineData("app.dll", "/srv/app.dll", "app.dll")]
    [InlineData("app.dll --urls=http://*:1 -v", "/srv/app.dll --urls=http://*:1 -v", "app.dll --urls=http://*:1 -v")]
    [InlineData("exec app.dll a", "exec /srv/app.dll a", "app.dll a")]
    [InlineData(
        "exec --depsfile app.deps.json --runtimeconfig app.runtimeconfig.json app.dll a b",
        "exec --depsfile app.deps.json --runtimeconfig app.runtimeconfig.json /srv/app.dll a b",
        "app.dll a b")]
    [InlineData("--roll-forward Major app.dll app.dll", "--roll-forward Major /srv/app.dll app.dll", "app.dll app.dll")]
    public void Dotnet_is_started_with_what_stood_before_the_arguments(string typed, string expected, string application)
    {
        var managed = application.Split(' ');
        managed[0] = "/srv/app.dll";
        var (path, arguments) = SelfCommand.Resolve(Dotnet, ["dotnet", .. typed.Split(' ')], managed, applicationArguments: null);
        Assert.Equal(Dotnet, path);
        Assert.Equal(expected.Split(' '), arguments);
    }

    [Theory]
    [InlineData("/srv/app")]
    [InlineData("/srv/dotnet-app")]
    [InlineData("/srv/dotnet/app")]
    public void An_app_host_is_started_by_itself(string path)
    {
        var command = SelfCommand.Resolve(path, ["./app", "a", "b"], ["/srv/app.dll", "a", "b"], applicationArguments: null);
        Assert.Equal(path, command.Path);
        Assert.Equal(["a", "b"], command.Arguments);
    }

    [Fact]
    public void Other_arguments_take_the_place_of_the_applications_own()
    {
        var host = SelfCommand.Resolve("/srv/app", ["app", "a", "b"], ["/srv/app.dll", "a", "b"], ["c"]);
        Assert.Equal(["c"], host.Arguments);

        var dotnet = SelfCommand.Resolve(Dotnet, ["dotnet", "exec", "app.dll", "a", "b"], ["/srv/app.dll", "a", "b"], ["c", "d"]);
        Assert.Equal(["exec", "/srv/app.dll", "c", "d"], dotnet.Arguments);

        var none = SelfCommand.Resolve(Dotnet, ["dotnet", "app.dll", "a"], ["/srv/app.dll", "a"], []);
        Assert.Equal(["/srv/app.dll"], none.Arguments);
    }

    [Fact]
    public void A_command_line_that_was_cut_off_still_names_the_application()
    {
        var command = SelfCommand.Resolve(Dotnet, ["dotnet"], ["/srv/app.dll", "a"], applicationArguments: null);
        Assert.Equal(["/srv/app.dll", "a"], command.Arguments);
    }

    [Theory]
    [InlineData("/lib64/ld-linux-x86-64.so.2")]
    [InlineData("/lib/ld-musl-x86_64.so.1")]
    public void A_program_that_the_loader_was_given_is_started_by_the_loader(string loader)
    {
        var (path, arguments) = SelfCommand.Resolve(loader, [loader, "--inhibit-cache", "/srv/app", "a", "b"], ["/srv/app", "a", "b"], null);
        Assert.Equal(loader, path);
        Assert.Equal(["--inhibit-cache", "/srv/app", "a", "b"], arguments);
    }

    [Fact]
    public void Each_file_of_the_command_line_is_kept_as_it_was_typed()
    {
        var (path, arguments) = SelfCommand.Resolve(
            "/usr/share/dotnet/dotnet",
            ["run-it", "exec", "--depsfile", "app.deps.json", "--roll-forward", "Major", "--runtimeconfig", "x.json", "app.dll", "app.dll"],
            ["/srv/one/app.dll", "app.dll"],
            applicationArguments: null,
            (_, typed, isProgram) => $"{(isProgram ? "program" : "file")}:{typed}");
        Assert.Equal("program:run-it", path); // It is dotnet by what it is, not by what a link to it is called.
        Assert.Equal(
            ["exec", "--depsfile", "file:app.deps.json", "--roll-forward", "Major", "--runtimeconfig", "file:x.json", "file:app.dll", "app.dll"],
            arguments);
    }

    [Theory]
    [InlineData("dotnet")]
    [InlineData("DOTNET")]
    [InlineData("dotnet.exe")]
    public void Dotnet_is_known_by_its_name(string name) =>
        Assert.Equal(["/srv/app.dll"], SelfCommand.Resolve($"/opt/{name}", [name, "app.dll"], ["/srv/app.dll"], null).Arguments);

    [Fact]
    public void This_very_process_can_be_started_again()
    {
        var (path, arguments) = SelfCommand.Resolve(["a"]);
        Assert.Equal(Environment.ProcessPath, path);
        Assert.Equal("a", arguments[^1]);
    }

    [Theory]
    [InlineData("sh", true)]
    [InlineData("/bin/sh", true)]
    [InlineData("/bin", false)]
    [InlineData("/nowhere/at/all", false)]
    [InlineData("no-such-program-at-all", false)]
    public void A_program_is_found_by_path_or_by_name(string program, bool found) =>
        Assert.Equal(found, Path.IsPathRooted(SelfCommand.FindOnPath(program)));
}
