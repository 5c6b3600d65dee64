using System.Globalization;
using System.Text.RegularExpressions;

namespace ProcessCluster.Specs;

/// <summary>What the specs of clusters that keep their number of workers have in common: a program whose version is what a file says.</summary>
internal sealed class FleetSpecs : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pc-fleet-");

    private FleetSpecs() => SetVersion("echo");

    public TestProcess Cluster { get; private set; } = null!;

    public string Folder => _directory.FullName;

    private string VersionFile => Path.Combine(_directory.FullName, "version");

    /// <summary>A driver with the options, not started.</summary>
    public static FleetSpecs Configured(int workers, string options = "", Func<string, TestProcess>? start = null)
    {
        var fleet = new FleetSpecs();
        fleet.Cluster = start?.Invoke(fleet.Folder) ?? TestProcess.Start("driver");
        fleet.Cluster.Send($"configure Workers {workers} DrainTimeout 00:00:10 Environment:ROLE versioned Environment:VERSION {fleet.VersionFile} "
            + options.Replace("{folder}", fleet.Folder, StringComparison.Ordinal));
        return fleet;
    }

    /// <summary>A cluster that is up.</summary>
    public static async Task<FleetSpecs> Started(int workers, string options = "")
    {
        var fleet = Configured(workers, options.TrimEnd());
        try
        {
            fleet.Cluster.Send("start");
            await fleet.Cluster.Expect("^started at ");
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>What workers that are started from now on are.</summary>
    public void SetVersion(string version)
    {
        var next = VersionFile + ".next";
        File.WriteAllText(next, version);
        File.Move(next, VersionFile, overwrite: true);
    }

    /// <summary>The workers that are there, by slot: number and process.</summary>
    public async Task<IReadOnlyDictionary<int, (int Id, int Process)>> Workers()
    {
        var asked = Cluster.Count("^slots ");
        Cluster.Send("slots");
        var slots = (await Cluster.ExpectAll("^slots (.*)$", asked + 1))[asked].Groups[1].Value;
        var processes = (await Cluster.ExpectAll(@"^forked (\d+) (\d+)$", 0)).ToDictionary(match => Number(match, 1), match => Number(match, 2));
        return slots.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(worker => worker.Split(':')).Where(worker => worker[3] == "Listening")
            .GroupBy(worker => Parse(worker[1])).ToDictionary(slot => slot.Key, slot => (Parse(slot.Last()[0]), processes[Parse(slot.Last()[0])]));
    }

    /// <summary>Kills a worker from outside.</summary>
    public async Task Kill(int slot, Signal signal = Signal.SIGKILL) => TestProcess.SendSignal((await Workers())[slot].Process, signal);

    /// <summary>The next result of a reload.</summary>
    public async Task<string> Reload()
    {
        var before = Cluster.Count("^reload ");
        Cluster.Send("reload");
        return (await Cluster.ExpectAll("^reload (.*)$", before + 1))[before].Groups[1].Value;
    }

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    public static int Number(Match match, int group) => Parse(match.Groups[group].Value);

    private static int Parse(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
