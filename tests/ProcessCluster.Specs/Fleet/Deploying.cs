using System.Text.RegularExpressions;

namespace ProcessCluster.Specs;

/// <summary>Releases that are switched, replaced and removed while the cluster runs: workers start from what is there now.</summary>
public sealed class Deploying
{
    [Theory]
    [InlineData("cd {srv}/current && exec ./{app} driver")]
    [InlineData("cd {srv}/current && PATH=.:$PATH && exec {app} driver")]
    [InlineData("cd {srv}/current && PATH={srv}/current:$PATH && exec {app} driver")]
    [InlineData("cd {srv}/current && exec dotnet {app}.dll driver")]
    [InlineData("cd {srv}/current && exec dotnet ./{app}.dll driver")]
    [InlineData("cd {srv}/current && exec dotnet exec {app}.dll driver")]
    [InlineData("cd {srv}/current && exec dotnet exec --depsfile {app}.deps.json --runtimeconfig ./{app}.runtimeconfig.json {app}.dll driver")]
    [InlineData("cd {srv}/current && exec dotnet run --no-build -- driver")]
    [InlineData("cd {srv}/current && ln -s {srv}/current/{app} {srv}/linked && exec {srv}/linked driver")]
    // In ways that only the path of the program, not the shell, says where the directory is.
    [InlineData("cd -P {srv}/current && exec {srv}/current/{app} driver")]
    [InlineData("cd {srv}/current && exec env -u PWD {srv}/current/{app} driver")]
    [InlineData("cd {srv}/current && exec env -u PWD dotnet {srv}/current/{app}.dll driver")]
    // In a directory beside the program's.
    [InlineData("cd {srv}/current/sub && exec ../{app} driver", "{0}/sub")]
    [InlineData("cd {srv}/current/sub && exec dotnet ../{app}.dll driver", "{0}/sub")]
    [InlineData("cd {srv} && exec current/{app} driver", "")]
    [InlineData("cd {srv} && exec {srv}/current/{app} driver", "")]
    [InlineData("cd {srv} && exec dotnet current/{app}.dll driver", "")]
    public async Task A_switched_link_brings_the_new_program_in_the_new_directory(string command, string directory = "{0}")
    {
        await using var fleet = Deployment.Start(command, 2, folder =>
        {
            foreach (var release in (string[])["1", "2", "3"])
                Deployment.Write(Path.Combine(folder, "releases", release));
            Deployment.Link(folder, "releases/1");
        });
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        await Deployment.ExpectRuns(fleet, 0, 2, "releases/1", In("releases/1"));

        // The old release stays.
        Deployment.Link(fleet.Folder, "releases/2");
        await Deployment.ExpectReload(fleet, "releases/2", In("releases/2"));

        // The old releases go, the one that the primary is in among them.
        Deployment.Link(fleet.Folder, "releases/3");
        Directory.Delete(Path.Combine(fleet.Folder, "releases/1"), recursive: true);
        Directory.Delete(Path.Combine(fleet.Folder, "releases/2"), recursive: true);
        await Deployment.ExpectReload(fleet, "releases/3", In("releases/3"));
        var before = fleet.Cluster.Count("^runs ");
        await fleet.Kill(0);
        await Deployment.ExpectRuns(fleet, before, 1, "releases/3", In("releases/3"));
        Assert.DoesNotContain("Please report it", fleet.Cluster.Errors, StringComparison.Ordinal);
        await Deployment.End(fleet);

        string In(string release) => string.Format(null, directory, release);
    }

    [Theory]
    [InlineData("cd {srv}/app && exec ./{app} driver", true)]
    [InlineData("cd {srv}/app && exec dotnet {app}.dll driver", true)]
    [InlineData("cd {srv}/app && exec env -u PWD {srv}/app/{app} driver", true)]
    [InlineData("cd {srv}/app && exec ./{app} driver", false)]
    [InlineData("cd {srv}/app && exec dotnet {app}.dll driver", false)]
    public async Task A_directory_that_was_replaced_in_place_is_the_new_one_for_workers(string command, bool isRemoved)
    {
        await using var fleet = Deployment.Start(command, 2, folder => Deployment.Write(Path.Combine(folder, "app")));
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        var app = Path.Combine(fleet.Folder, "app");
        if (isRemoved)
            Directory.Delete(app, recursive: true);
        else
            Directory.Move(app, $"{app}.old");
        Deployment.Write(app);
        await Deployment.ExpectReload(fleet, "app", "app");
        await Deployment.End(fleet);
    }

    [Theory]
    [InlineData("cd {srv}/current && exec ./{app} driver", "The directory '{srv}/current' is not there")]
    [InlineData("cd {srv} && exec current/{app} driver", "The file is not there")]
    public async Task A_release_that_is_gone_is_a_failed_start_and_its_return_heals(string command, string reason)
    {
        await using var fleet = Deployment.Start(
            command,
            2,
            folder =>
            {
                Deployment.Write(Path.Combine(folder, "releases/1"));
                Deployment.Link(folder, "releases/1");
            },
            "Restart:InitialDelay 00:00:00.100 Restart:MaxDelay 00:00:00.200 Restart:MaxRestarts 1000");
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started ");
        reason = Deployment.Expand(reason, fleet.Folder);

        Directory.Move(Path.Combine(fleet.Folder, "releases"), Path.Combine(fleet.Folder, "elsewhere"));
        var result = await fleet.Reload();
        Assert.StartsWith("succeeded=False generation=2 replaced=0 worker=0 ", result, StringComparison.Ordinal);
        Assert.Contains(reason, result, StringComparison.Ordinal);
        await fleet.Kill(0);
        await fleet.Cluster.ExpectError($"Slot 0: no worker could be started.*{Regex.Escape(reason)}");

        Directory.Move(Path.Combine(fleet.Folder, "elsewhere"), Path.Combine(fleet.Folder, "releases"));
        await Wait.Until(() => fleet.Cluster.Count("^listening ") == 3);
        Assert.Equal([0, 1], (await fleet.Workers()).Keys.Order());
        await Deployment.ExpectReload(fleet, "releases/1", command.Contains("current &&", StringComparison.Ordinal) ? "releases/1" : "");
        Assert.DoesNotContain("Please report it", fleet.Cluster.Errors, StringComparison.Ordinal);
    }
}
