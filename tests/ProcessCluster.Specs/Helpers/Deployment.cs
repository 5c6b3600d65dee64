namespace ProcessCluster.Specs;

/// <summary>
/// A server's folder with releases of the test program: <c>releases/1</c> and so on, and <c>current</c>, a link to one of them.
/// </summary>
internal static class Deployment
{
    public static readonly string App = Path.GetFileName(TestPaths.TestApp);

    /// <summary>A project file that <c>dotnet run --no-build</c> finds the program with.</summary>
    private static readonly string Project = $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
            <OutputType>Exe</OutputType>
            <AssemblyName>{App}</AssemblyName>
            <OutDir>$(MSBuildProjectDirectory)/</OutDir>
          </PropertyGroup>
        </Project>
        """;

    public static void Write(string folder, string? source = null)
    {
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        foreach (var file in Directory.GetFiles(source ?? Path.GetDirectoryName(TestPaths.TestApp)!))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(folder, "app.csproj"), Project);
    }

    /// <summary>As <c>ln -sfn</c>.</summary>
    public static void Link(string folder, string target)
    {
        var link = Path.Combine(folder, "current");
        File.Delete(link);
        Directory.CreateSymbolicLink(link, Path.Combine(folder, target));
    }

    /// <summary>A fleet that a shell starts with the command. In it <c>{srv}</c> is the folder, <c>{app}</c> the program.</summary>
    public static FleetSpecs Start(string command, int workers, Action<string> deploy, string options = "") =>
        FleetSpecs.Configured(workers, $"SoakTime 00:00:00.050 {options}".TrimEnd(), folder =>
        {
            deploy(folder);
            return TestProcess.StartFile("sh", $"-c \"{Expand(command, folder)}\"");
        });

    public static string Expand(string text, string folder) =>
        text.Replace("{srv}", folder, StringComparison.Ordinal).Replace("{app}", App, StringComparison.Ordinal);

    /// <summary>Reloads; every worker runs from the folder, in the directory.</summary>
    public static async Task ExpectReload(FleetSpecs fleet, string release, string directory)
    {
        var before = fleet.Cluster.Count("^runs ");
        Assert.StartsWith("succeeded=True", await fleet.Reload(), StringComparison.Ordinal);
        await ExpectRuns(fleet, before, 2, release, directory);
    }

    /// <summary>The next workers run from the folder, in the directory.</summary>
    public static async Task ExpectRuns(FleetSpecs fleet, int before, int count, string release, string directory) => Assert.All(
        (await fleet.Cluster.ExpectAll("^runs (.*)$", before + count)).Skip(before),
        match => Assert.Equal($"{Path.Combine(fleet.Folder, release)} in {Path.Combine(fleet.Folder, directory)}", match.Groups[1].Value));

    /// <summary>The primary ends in order. What has started it need not be it.</summary>
    public static async Task End(FleetSpecs fleet)
    {
        var primary = FleetSpecs.Number(await fleet.Cluster.Expect(@"^primary (\d+)$"), 1);
        TestProcess.SendSignal(primary, Signal.SIGTERM);
        Assert.Equal(0, await fleet.Cluster.Exit());
    }
}
