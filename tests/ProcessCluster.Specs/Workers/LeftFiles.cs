using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>What the runtimes of workers have in the folder for temporary files: nothing stays, and nothing of others is taken for theirs.</summary>
public sealed class LeftFiles : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pc-tmp-");

    [Fact]
    public async Task Killed_workers_leave_no_files_and_others_keep_theirs()
    {
        var alien = Path.Combine(_folder.FullName, "clr-debug-pipe-1-1-in");
        await File.WriteAllTextAsync(alien, "");
        await using var fleet = FleetSpecs.Configured(2, start: _ => TestProcess.Start("driver", ("TMPDIR", _folder.FullName)));
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started at ");
        var killed = (await fleet.Workers()).Values.Select(worker => worker.Process).ToList();
        Assert.All(killed, process => Assert.NotEmpty(FilesOf(process)));
        foreach (var process in killed)
            TestProcess.SendSignal(process, Signal.SIGKILL);
        await fleet.Cluster.ExpectAll("^exited ", 2);
        Assert.All(killed, process => Assert.Empty(FilesOf(process)));
        Assert.NotEmpty(FilesOf(fleet.Cluster.Id));
        Assert.True(File.Exists(alien));
    }

    [Fact]
    public async Task Workers_with_a_folder_of_their_own_leave_nothing_there()
    {
        await using var fleet = await FleetSpecs.Started(1, $"Environment:TMPDIR {_folder.FullName}");
        Assert.NotEmpty(_folder.GetFiles());
        await fleet.Kill(0);
        await fleet.Cluster.Expect("^exited 1 ");
        Assert.Empty(FilesOf(FleetSpecs.Number(await fleet.Cluster.Expect(@"^forked 1 (\d+)$"), 1)));
    }

    [Fact]
    public async Task Workers_of_a_killed_primary_leave_nothing()
    {
        await using var fleet = FleetSpecs.Configured(2, start: _ => TestProcess.Start("driver", ("TMPDIR", _folder.FullName)));
        fleet.SetVersion("dies 100000"); // It does not end by itself in its last second.
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^started at ");
        var workers = (await fleet.Workers()).Values.Select(worker => worker.Process).ToList();
        fleet.Cluster.Signal(Signal.SIGKILL);
        await fleet.Cluster.ExpectNobodyLeft(TimeSpan.FromSeconds(10));
        Assert.All(workers, process => Assert.Empty(FilesOf(process)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_hung_worker_whose_dump_cannot_be_had_is_killed_at_once(bool isPlanted)
    {
        await using var fleet = FleetSpecs.Configured(
            1, "HeartbeatInterval 00:00:00.250 HeartbeatTimeout 00:00:03 HangDumpDirectory {folder}", _ => TestProcess.Start("driver", ("TMPDIR", _folder.FullName)));
        fleet.SetVersion("hangs 2000"); // When it is up.
        fleet.Cluster.Send("start");
        await fleet.Cluster.Expect("^listening 1 ");
        await fleet.Cluster.Expect("^hangs ");
        fleet.SetVersion("echo");
        var worker = FleetSpecs.Number(await fleet.Cluster.Expect(@"^forked 1 (\d+)$"), 1);
        using var planted = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        if (isPlanted)
        {
            // Somebody else's, who accepts, reads and never answers.
            var socket = FilesOf(worker).Single(file => file.EndsWith("-socket", StringComparison.Ordinal));
            File.Delete(socket);
            planted.Bind(new UnixDomainSocketEndPoint(socket));
            planted.Listen();
        }
        else
        {
            await TestProcess.Stop(worker); // Then its runtime cannot answer either.
        }
        await fleet.Cluster.Expect("^exited 1 Hung code= signal=SIGKILL", TimeSpan.FromSeconds(30));
        await fleet.Cluster.ExpectError(isPlanted ? "is not the socket of process" : "did not answer within");
        Assert.Empty(Directory.GetFiles(fleet.Folder, "*.dmp"));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private List<string> FilesOf(int process) => [.. _folder.EnumerateFiles().Select(file => file.FullName)
        .Where(path => path.Contains($"-{process}-", StringComparison.Ordinal))];
}
