using System.Diagnostics;
using System.IO.Compression;

namespace ProcessCluster.Specs;

/// <summary>The packages: what is in them, and a program that gets them as a user does.</summary>
public sealed class Packages
{
    /// <summary>The packages, and what each depends on.</summary>
    private static readonly (string Name, string[] Dependencies)[] All =
    [
        ("ProcessCluster",
            ["Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Options"]),
        ("ProcessCluster.AspNetCore", ["ProcessCluster.Hosting"]),
        ("ProcessCluster.Hosting", ["Microsoft.Extensions.Hosting", "ProcessCluster"]),
    ];

    [Fact]
    public async Task The_packages_are_packed_restored_into_fresh_projects_and_run()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var feed = Path.Combine(directory.FullName, "feed");
            foreach (var (project, _) in All)
            {
                await Run(
                    directory.FullName,
                    "pack",
                    Path.Combine(TestPaths.Repository, "src", project),
                    "--no-build", "-c", TestPaths.Configuration, "-o", feed, "-p:Version=0.1.0-test", "--nologo");
            }
            Assert.Equal(
                All.SelectMany(static package => new[] { $"{package.Name}.0.1.0-test.nupkg", $"{package.Name}.0.1.0-test.snupkg" }),
                Directory.GetFiles(feed).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            foreach (var (project, dependencies) in All)
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
                var actual = System.Xml.Linq.XDocument.Parse(specification).Descendants()
                    .Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value);
                Assert.Equal(dependencies, actual.Order(StringComparer.Ordinal));
                Assert.Equal(project == "ProcessCluster.AspNetCore", specification.Contains("Microsoft.AspNetCore.App", StringComparison.Ordinal));
            }

            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "nuget.config"), $"""
                <configuration>
                  <packageSources><add key="packed" value="{feed}" /></packageSources>
                  <config><add key="globalPackagesFolder" value="{Path.Combine(directory.FullName, "packages")}" /></config>
                </configuration>
                """);
            await RunsAWebCluster(Directory.CreateDirectory(Path.Combine(directory.FullName, "Fresh")).FullName);
            await RunsAWorkerService(Directory.CreateDirectory(Path.Combine(directory.FullName, "Jobs")).FullName);
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

    /// <summary>What <c>dotnet new worker</c> makes, with the package and one line.</summary>
    private static async Task RunsAWorkerService(string program)
    {
        await Run(program, "new", "worker", "--no-restore");
        await Edit(Path.Combine(program, "Jobs.csproj"), "<ItemGroup>", """<ItemGroup><PackageReference Include="ProcessCluster.Hosting" Version="0.1.0-test" />""");
        await Edit(Path.Combine(program, "Program.cs"), "CreateApplicationBuilder(args);", "CreateApplicationBuilder(args);\nbuilder.UseProcessCluster();");
        await Run(program, "build", "-c", "Release", "--nologo");

        await using var jobs = TestProcess.StartFile(Path.Combine(program, "bin", "Release", "net10.0", "Jobs"), "", ("ProcessCluster__Workers", "2"));
        await jobs.Expect(@"A cluster of 2 workers has started\.$");
        await jobs.ExpectAll("Worker running at: ", 2);
        var workers = jobs.Descendants;
        Assert.Equal(2, workers.Count);
        TestProcess.SendSignal(workers[0], Signal.SIGKILL);
        await jobs.Expect($@"Worker \d \(process {workers[0]}\) crashed, SIGKILL \(9\)");
        await Wait.Until(() => jobs.Descendants is { Count: 2 } healed && !healed.Contains(workers[0]));
        jobs.Signal(Signal.SIGTERM);
        Assert.Equal(0, await jobs.Exit());
        Assert.Equal("", jobs.Errors);
    }

    private static async Task Edit(string file, string text, string replacement)
    {
        var before = await File.ReadAllTextAsync(file);
        Assert.Contains(text, before, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, before.Replace(text, replacement, StringComparison.Ordinal));
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
