using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// Everything at once: all kinds of clients, while workers are killed, stopped, starved and replaced. Each request is answered rightly or ends as promised, none is
/// executed twice, and at the end everything is as it was.
/// </summary>
public sealed partial class Chaos
{
    private const int Workers = 3, Standby = 1;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Set CHAOS for more seconds, SEED for other faults, CHAOS_LOG for a file that gets what was done and logged.</summary>
    [MeasuresTime]
    [Fact]
    public async Task Nothing_passes_for_good()
    {
        var time = TimeSpan.FromSeconds(Number("CHAOS", 20));
        var seed = Number("SEED", 4711);
        var folder = Directory.CreateTempSubdirectory("pc-chaos-");
        try
        {
            await using var cluster = new ChaosCluster(folder.FullName);
            await cluster.Start(Workers, Standby);
            var record = new ChaosRecord();
            using var end = new TestEnd();
            var clients = new ChaosClients(cluster.Http1, cluster.Http2, record, end.Token).Run();
            await Wait.Until(() => record.CountOf("kept answered") > 500 && record.CountOf("websocket echoes") > 10, record);

            // What is needed for these once, stays.
            var faults = new ChaosFaults(cluster, record, new Random(seed));
            await faults.KillOne();
            await faults.Reload();
            await faults.FillDisk();
            await cluster.ExpectFleet(Workers + Standby);
            var before = await cluster.Measure();

            await faults.Run(time);
            await Wait.Until(() => clients.IsCompleted || record.CountOf("kept answered") > 0, record);
            await end.CancelAsync();
            await clients.WaitAsync(Patience);
            await cluster.ExpectFleet(Workers + Standby);
            var after = await cluster.MeasureUntil(figures => figures.Descriptors <= before.Descriptors && figures.Threads <= before.Threads + 2
                && figures.Memory <= before.Memory + (10 << 20));

            var summary = $"seed {seed}; {record}{Environment.NewLine}before: {before}{Environment.NewLine}after: {after}";
            Console.WriteLine(summary);
            if (Environment.GetEnvironmentVariable("CHAOS_LOG") is { Length: > 0 } copy)
                File.WriteAllText(copy, $"{summary}{Environment.NewLine}{string.Join(Environment.NewLine, record.Done)}{Environment.NewLine}{cluster.Log}");
            Assert.True(record.Faults.Count == 0, summary);
            Assert.True(after.Descriptors <= before.Descriptors, summary);
            Assert.True(after.Threads <= before.Threads + 2, summary); // The thread pool has some more or fewer.
            Assert.True(after.Memory <= before.Memory + (10 << 20), summary);
            Assert.DoesNotContain("unexpected error", cluster.Log, StringComparison.Ordinal);
            var executed = cluster.Executed();
            Assert.All(executed, static request => Assert.Equal(1, request.Value));
            Assert.All(record.Answered.Where(static id => id != "-"), id => Assert.True(executed.ContainsKey(id), $"{id} was answered and is not known."));
            cluster.ExpectOnlyFilesOfTheLiving();
            await cluster.End();
            cluster.ExpectOnlyFilesOfTheLiving();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static int Number(string variable, int otherwise) => int.Parse(
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? text : $"{otherwise}", CultureInfo.InvariantCulture);
}

/// <summary>What a process has.</summary>
/// <param name="Descriptors">But for files: the runtime keeps those of libraries open.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Memory">Resident bytes, after a collection.</param>
internal sealed record ChaosFigures(int Descriptors, int Threads, long Memory);

/// <summary>The cluster of the chaos spec: releases in a folder, a link to the current one, a log in a file.</summary>
internal sealed partial class ChaosCluster(string folder) : IAsyncDisposable
{
    private static readonly string App = Path.GetFileName(TestPaths.TestApp);

    private TestProcess? _process;
    private int _release;

    public int Primary => _process!.Id;

    public IPEndPoint Http1 { get; private set; } = null!;

    public IPEndPoint Http2 { get; private set; } = null!;

    public string LogFile => Path.Combine(folder, "log");

    public string Log => File.ReadAllText(LogFile);

    private string Temporary => Path.Combine(folder, "tmp");

    public async Task Start(int workers, int standby)
    {
        Directory.CreateDirectory(Temporary);
        Directory.CreateDirectory(Path.Combine(folder, "executed"));
        Deploy();
        _process = TestProcess.StartFile(
            "sh",
            $"-c \"cd {folder}/current && exec ./{App} web minimal >{LogFile} 2>&1\"",
            ("TMPDIR", Temporary),
            ("CHAOS_FOLDER", folder),
            ("ProcessCluster__Workers", $"{workers}"),
            ("ProcessCluster__StandbyWorkers", $"{standby}"),
            ("ProcessCluster__WorkerOutputPrefix", "true"),
            ("ProcessCluster__DrainTimeout", "00:00:05"),
            ("ProcessCluster__SoakTime", "00:00:00.100"),
            ("ProcessCluster__Restart__InitialDelay", "00:00:00.050"),
            ("ProcessCluster__Restart__MaxDelay", "00:00:00.500"),
            ("ProcessCluster__Restart__MaxRestarts", "1000000"),
            ("Logging__LogLevel__Default", "Warning"),
            ("Logging__LogLevel__ProcessCluster", "Information"));
        await Wait.Until(() => File.Exists(LogFile) && Listening().IsMatch(Log));
        var match = Listening().Match(Log);
        (Http1, Http2) = (IPEndPoint.Parse(match.Groups[1].Value), IPEndPoint.Parse(match.Groups[2].Value));
    }

    /// <summary>A new release, to which the link is switched; the one before is removed.</summary>
    public void Deploy()
    {
        var release = Path.Combine(folder, "releases", $"{++_release}");
        Directory.CreateDirectory(release);
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(TestPaths.TestApp)!).Where(static file => !Path.GetFileName(file).StartsWith("tests.", StringComparison.Ordinal)))
            File.Copy(file, Path.Combine(release, Path.GetFileName(file)));
        var link = Path.Combine(folder, "current");
        File.Delete(link);
        Directory.CreateSymbolicLink(link, release);
        if (_release > 1)
            Directory.Delete(Path.Combine(folder, "releases", $"{_release - 1}"), recursive: true);
    }

    /// <summary>The children of the primary that are no zombies.</summary>
    public IReadOnlyList<int> WorkerIds()
    {
        var children = new List<int>();
        foreach (var thread in Directory.EnumerateDirectories($"/proc/{Primary}/task"))
        {
            try
            {
                children.AddRange(File.ReadAllText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    .Select(static id => int.Parse(id, CultureInfo.InvariantCulture)));
            }
            catch (IOException)
            {
                // The thread has ended.
            }
        }
        return [.. children.Where(static id => Directory.Exists($"/proc/{id}") && File.Exists($"/proc/{id}/exe"))];
    }

    public async Task ExpectFleet(int count)
    {
        var since = Environment.TickCount64;
        await Wait.Until(() => WorkerIds().Count != count ? (since = Environment.TickCount64) < 0 : Environment.TickCount64 - since > 1500, $"{count} workers", TimeSpan.FromSeconds(60));
    }

    public async Task<ChaosFigures> Measure()
    {
        var collected = Log.Split("\ncollected").Length;
        TestProcess.SendSignal(Primary, Signal.SIGUSR1);
        await Wait.Until(() => Log.Split("\ncollected").Length > collected);
        return new ChaosFigures(
            Directory.GetFiles($"/proc/{Primary}/fd").Count(static descriptor => new FileInfo(descriptor).LinkTarget is not (null or ['/', ..])),
            Directory.GetDirectories($"/proc/{Primary}/task").Length,
            long.Parse(File.ReadAllText($"/proc/{Primary}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
    }

    /// <summary>The first figures that are right, or the last ones: what is of the dead goes a little later.</summary>
    public async Task<ChaosFigures> MeasureUntil(Predicate<ChaosFigures> isRight)
    {
        var figures = await Measure();
        for (var i = 0; i < 20 && !isRight(figures); i++)
        {
            await Task.Delay(500);
            figures = await Measure();
        }
        return figures;
    }

    /// <summary>How often each request was executed.</summary>
    public IReadOnlyDictionary<string, int> Executed() => Directory.GetFiles(Path.Combine(folder, "executed"))
        .SelectMany(File.ReadLines).GroupBy(static id => id).ToDictionary(static group => group.Key, static group => group.Count());

    /// <summary>Of what runtimes put into the folder for temporary files nothing is left of processes that have ended.</summary>
    public void ExpectOnlyFilesOfTheLiving() => Assert.All(
        Directory.GetFiles(Temporary).Select(static file => RuntimeFile().Match(Path.GetFileName(file))).Where(static match => match.Success),
        static match => Assert.True(Directory.Exists($"/proc/{match.Groups[1].Value}"), match.Value));

    public async Task End()
    {
        _process!.Signal(Signal.SIGTERM);
        Assert.Equal(0, await _process.Exit());
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
    }

    [GeneratedRegex(@"listens on http://(\S+?), http://(\S+?)\.?(\s|$)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"^(?:clr-debug-pipe|dotnet-diagnostic)-(\d+)-")]
    private static partial Regex RuntimeFile();
}
