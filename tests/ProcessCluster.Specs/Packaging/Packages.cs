using System.Diagnostics;
using System.IO.Compression;

namespace ProcessCluster.Specs;

/// <summary>The packages: what is in them, and a program that gets them as a user does.</summary>
public sealed class Packages
{
    [Fact]
    public async Task Two_packages_are_packed_restored_into_fresh_projects_and_run()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var feed = Path.Combine(directory.FullName, "feed");
            foreach (var project in new[] { "ProcessCluster", "ProcessCluster.AspNetCore" })
            {
                // A folder of its own for what is built: other tests use the usual one.
                await Run(
                    directory.FullName,
                    "pack",
                    Path.Combine(TestPaths.Repository, "src", project),
                    "-c", "Release", "-o", feed, "-p:ArtifactsPath=" + Path.Combine(directory.FullName, "artifacts"), "-p:Version=0.1.0-test", "-p:RunAnalyzers=false", "--nologo");
            }
            Assert.Equal(
                ["ProcessCluster.0.1.0-test.nupkg", "ProcessCluster.0.1.0-test.snupkg", "ProcessCluster.AspNetCore.0.1.0-test.nupkg", "ProcessCluster.AspNetCore.0.1.0-test.snupkg"],
                Directory.GetFiles(feed).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            foreach (var project in new[] { "ProcessCluster", "ProcessCluster.AspNetCore" })
            {
                using var package = ZipFile.OpenRead(Path.Combine(feed, $"{project}.0.1.0-test.nupkg"));
                var entries = package.Entries.Select(entry => entry.FullName).ToList();
                Assert.Contains("README.md", entries);
                Assert.Contains("icon.png", entries);
                Assert.Contains($"lib/net10.0/{project}.dll", entries);
                Assert.Contains($"lib/net10.0/{project}.xml", entries);
                using var reader = new StreamReader(package.GetEntry($"{project}.nuspec")!.Open());
                var specification = await reader.ReadToEndAsync();
                Assert.Contains("<license type=\"expression\">MIT</license>", specification, StringComparison.Ordinal);
                Assert.Equal(project == "ProcessCluster", entries.Contains("analyzers/dotnet/cs/ProcessCluster.Generators.dll"));
                if (project == "ProcessCluster")
                {
                    var dependencies = System.Xml.Linq.XDocument.Parse(specification).Descendants()
                        .Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value);
                    Assert.Equal(
                        ["Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Options"],
                        dependencies.Order(StringComparer.Ordinal));
                }
            }

            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "nuget.config"), $"""
                <configuration>
                  <packageSources><add key="packed" value="{feed}" /></packageSources>
                  <config><add key="globalPackagesFolder" value="{Path.Combine(directory.FullName, "packages")}" /></config>
                </configuration>
                """);
            await RunsAWebCluster(Directory.CreateDirectory(Path.Combine(directory.FullName, "Fresh")).FullName);
            await RunsTheSampleOfMessages(Directory.CreateDirectory(Path.Combine(directory.FullName, "Talk")).FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task RunsAWebCluster(string program)
    {
        await File.WriteAllTextAsync(Path.Combine(program, "Fresh.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings></PropertyGroup>
              <ItemGroup><PackageReference Include="ProcessCluster.AspNetCore" Version="0.1.0-test" /></ItemGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(Path.Combine(program, "Program.cs"), """
            var builder = WebApplication.CreateBuilder(args);
            builder.UseProcessCluster();
            var app = builder.Build();
            app.MapGet("/", () => $"{ProcessCluster.Cluster.Worker!.Id}");
            app.Run("http://127.0.0.1:0");

            // Compiles only if the generator has come with the package and has run.
            [ProcessCluster.ClusterMessage]
            internal sealed record Greeting(string Name)
            {
                public const string WrittenBy = nameof(ProcessCluster.Generated.ClusterMessages);
            }
            """);
        await Run(program, "build", "-c", "Release", "--nologo");

        await using var fresh = TestProcess.StartFile(Path.Combine(program, "bin", "Release", "net10.0", "Fresh"), "", ("ProcessCluster__Workers", "2"));
        var address = (await fresh.Expect(@"A cluster of 2 workers listens on (\S+)\.$")).Groups[1].Value;
        using var client = Client.PerRequest(address);
        var answers = new HashSet<string>();
        for (var i = 0; i < 10; i++)
            answers.Add(await client.GetStringAsync("/"));
        Assert.Equal(["1", "2"], answers.Order());
    }

    /// <summary>The sample, with the package instead of the projects.</summary>
    private static async Task RunsTheSampleOfMessages(string program)
    {
        await File.WriteAllTextAsync(Path.Combine(program, "Talk.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="ProcessCluster" Version="0.1.0-test" /></ItemGroup>
            </Project>
            """);
        File.Copy(Path.Combine(TestPaths.Repository, "samples", "Messaging", "Program.cs"), Path.Combine(program, "Program.cs"));
        await Run(program, "build", "-c", "Release", "--nologo");

        await using var talk = TestProcess.StartFile(Path.Combine(program, "bin", "Release", "net10.0", "Talk"), "");
        Assert.Equal(0, await talk.Exit());
        await talk.Expect("^Worker 1 got 'hello'\\.$");
        await talk.Expect("^Worker 2 says that the square of 7 is 49\\.$");
        await talk.ExpectAll("^Worker [12] got 'all of you, count!'\\.$", 2);
        await talk.ExpectAll("^The primary got 'I have counted' from worker [12]\\.$", 2);
        await talk.Expect("^The workers counted to 2000\\.$");
        Assert.Equal("", talk.Errors);
    }

    private static async Task Run(string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = directory, RedirectStandardOutput = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
    }
}
