using System.Globalization;
using Microsoft.Diagnostics.NETCore.Client;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Supervision;

/// <summary>Dumps of hung workers. The runtime in the worker writes them, on a thread of its own that no program can hold up.</summary>
internal static class HangDump
{
    /// <summary>How long writing one may take. Then the worker is killed without.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <returns>The path of the dump.</returns>
    /// <exception cref="Exception">It could not be written: the worker is no .NET program, the disk is full, or whatever else.</exception>
    public static async Task<string> WriteAsync(PrimaryWorker worker, string directory)
    {
        var path = Path.GetFullPath(Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"worker-{worker.Id}-{worker.ProcessId}.dmp")));
        using var deadline = new CancellationTokenSource(Deadline);
        await Task.Run(
            () => new DiagnosticsClient(worker.ProcessId).WriteDumpAsync(DumpType.WithHeap, path, logDumpGeneration: false, deadline.Token), deadline.Token)
            .WaitAsync(deadline.Token).ConfigureAwait(false);
        return path;
    }
}
