using System.Globalization;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// The files that the .NET runtime of a process makes for debuggers and diagnostics, in the folder for temporary files that the process was given. The runtime removes
/// them when the program ends; a killed process leaves them. Each name holds the process's number and its start, so that no other process has it, before or after.
/// </summary>
/// <param name="ProcessId">The process of the files.</param>
/// <param name="Started">The time of its start (<see cref="ProcessStatus.StartTicks"/>); null where the system does not say: then nothing is known of them.</param>
/// <param name="Folder">The folder of the files.</param>
internal readonly record struct RuntimeFiles(int ProcessId, ulong? Started, string Folder)
{
    private const string FolderVariable = "TMPDIR", DefaultFolder = "/tmp/";

    private static readonly (string Start, string End, FileKind Kind)[] Names =
    [
        ("dotnet-diagnostic", "socket", FileKind.Socket),
        ("clr-debug-pipe", "in", FileKind.Pipe),
        ("clr-debug-pipe", "out", FileKind.Pipe),
    ];

    /// <summary>Those of a child that was just started and cannot have been reaped: its number is its own.</summary>
    /// <param name="processId">Its number.</param>
    /// <param name="environment">Its environment at its start.</param>
    public static RuntimeFiles Of(int processId, IReadOnlyDictionary<string, string> environment) =>
        new(processId, ProcessStatus.StartTicks(processId), FolderOr(environment.GetValueOrDefault(FolderVariable)));

    /// <summary>The socket on which the runtime takes commands.</summary>
    public string? DiagnosticSocket => Started is null ? null : PathOf(Names[0]);

    /// <summary>Removes this process's own, because it ends without its runtime.</summary>
    public static void RemoveOwn()
    {
        var own = Environment.ProcessId;
        new RuntimeFiles(own, ProcessStatus.StartTicks(own), FolderOr(Environment.GetEnvironmentVariable(FolderVariable))).Remove();
    }

    /// <summary>Removes what a process has left that has ended. Only files of this user's, of the right kind and no links, are touched.</summary>
    public void Remove()
    {
        if (Started is null)
            return;
        var user = Libc.geteuid();
        foreach (var name in Names)
        {
            var path = PathOf(name);
            if (FileStatus.Of(path) is { } file && file.Kind == name.Kind && file.Owner == user)
                RemoveFile(path);
        }
    }

    /// <summary>Removes a file, or the link of that name. If it cannot be removed, it stays, as without the library.</summary>
    public static void RemoveFile(string path) => _ = Libc.unlink(path);

    private static string FolderOr(string? folder) => folder is { Length: > 0 } ? folder : DefaultFolder;

    private string PathOf((string Start, string End, FileKind Kind) name) =>
        Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{name.Start}-{ProcessId}-{Started}-{name.End}"));
}
