using System.Diagnostics;

namespace ProcessCluster.Specs;

/// <summary>The program is started again in the way in which it was started.</summary>
public sealed class Launching
{
    private static readonly string TestProject = Path.Combine(TestPaths.Repository, "tests", "ProcessCluster.TestApp");

    [Fact]
    public Task By_its_app_host() => ForksItself(TestPaths.TestApp, "driver --flag");

    [Fact]
    public Task By_dotnet_and_its_assembly() => ForksItself("dotnet", $"{TestPaths.TestApp}.dll driver --flag");

    [Fact]
    public Task By_dotnet_exec_with_options() => ForksItself(
        "dotnet", $"exec --depsfile {TestPaths.TestApp}.deps.json --runtimeconfig {TestPaths.TestApp}.runtimeconfig.json {TestPaths.TestApp}.dll driver --flag");

    [Fact]
    public Task By_dotnet_run() => ForksItself(
        "dotnet", $"run --no-build -c {TestPaths.Configuration} --project {TestProject} -- driver --flag");

    [Fact]
    public async Task As_a_single_file()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            await Run("dotnet", $"publish {TestProject} --no-build -c {TestPaths.Configuration} -p:PublishSingleFile=true -o {directory.FullName}/out");
            await ForksItself(Path.Combine(directory.FullName, "out", "ProcessCluster.TestApp"), "driver --flag");
            await IsDeployed(Path.Combine(directory.FullName, "out"));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_workers_own_children_are_no_workers()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork parent");
        await cluster.Expect("^parent is worker: True$");
        await cluster.Expect("^is worker: False, marker: none, ");
        await cluster.Expect("^exited 1 Completed code=0");
    }

    [Fact]
    public async Task A_marker_without_a_primary_ends_the_process_with_a_clear_message()
    {
        await using var stray = TestProcess.Start("driver", ("PROCESSCLUSTER_WORKER", "3 1 pipe:[1]"), ("ROLE", "environment"));
        Assert.Equal(78, await stray.Exit());
        Assert.Contains("PROCESSCLUSTER_WORKER is set ('3 1 pipe:[1]'), but no primary has started this process", stray.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_choose_program_arguments_directory_and_output()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure Arguments one,two");
        cluster.Send("fork environment GREETING=hello");
        Assert.Contains("GREETING: hello", (await cluster.Expect("^is worker: True, marker: none, .*, with one,two$")).Value, StringComparison.Ordinal);

        cluster.Send("configure WorkingDirectory /usr");
        cluster.Send("fork environment");
        await cluster.Expect("^is worker: True, .* in /usr, with driver$");

        cluster.Send("configure Executable /bin/false");
        cluster.Send("fork environment");
        await cluster.Expect("^exited 3 FailedAtBoot code=1 ");

        cluster.Send("configure SuppressOutput true");
        cluster.Send("fork environment GREETING=unheard");
        await cluster.Expect("^exited 4 Completed code=0 ");
        Assert.Equal(0, cluster.Count("unheard"));
    }

    [Theory]
    [InlineData("Executable /nowhere/at/all", "fork idle", "^failed ClusterException: The worker's program '/nowhere/at/all' was not found")]
    [InlineData("Executable /usr", "fork idle", "^failed ClusterException: The worker's program '/usr' was not found")]
    [InlineData("Executable /etc/passwd", "fork idle", "^failed ClusterException: The worker's program '/etc/passwd' could not be started.*Permission denied")]
    [InlineData("Workers 100000", "fork idle", "^failed ArgumentException: .*Workers is 100000: at most 1024")]
    [InlineData("WorkingDirectory /nowhere", "fork idle", "^failed ArgumentException: .*WorkingDirectory '/nowhere' does not exist")]
    public async Task Bad_options_are_an_error_at_the_call_that_names_them(string option, string command, string error)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure {option}");
        cluster.Send(command);
        await cluster.Expect(error);
    }

    private static async Task ForksItself(string file, string arguments)
    {
        await using var cluster = TestProcess.StartFile(file, arguments);
        cluster.Send("fork environment GREETING=hello");
        Assert.Contains("GREETING: hello", (await cluster.Expect("^is worker: True, marker: none, .*, with driver,--flag$")).Value, StringComparison.Ordinal);
        await cluster.Expect("^exited 1 Completed code=0 ");
        // dotnet run has the program as a child.
        var primary = int.Parse((await cluster.Expect(@"^primary (\d+)$")).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        TestProcess.SendSignal(primary, Signal.SIGTERM);
        Assert.Equal(0, await cluster.Exit());
    }

    /// <summary>A link to releases is switched, and the first one removed.</summary>
    private static async Task IsDeployed(string source)
    {
        await using var fleet = Deployment.Start("cd {srv}/current && exec ./{app} driver", 2, folder =>
        {
            Deployment.Write(Path.Combine(folder, "1"), source);
            Deployment.Write(Path.Combine(folder, "2"), source);
            Deployment.Link(folder, "1");
        });
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        Deployment.Link(fleet.Folder, "2");
        Directory.Delete(Path.Combine(fleet.Folder, "1"), recursive: true);
        await Deployment.ExpectReload(fleet, "2", "2");
    }

    private static async Task Run(string file, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
    }
}
