using System.Globalization;
using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// Dumps of hung workers. The runtime in the worker writes them, on a thread of its own that no program can hold up. A runtime that does not answer at once, or a dump that does not
/// grow, is not waited for: the worker is to be killed.
/// </summary>
internal static class HangDump
{
    /// <summary>The time that the runtime may take to answer.</summary>
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromSeconds(1);

    /// <summary>The time for which nothing may be written.</summary>
    private static readonly TimeSpan GrowthDeadline = TimeSpan.FromSeconds(10);

    /// <summary>The time that writing one may take in all. Then the worker is killed without it.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Returns the path of a worker's dump.</summary>
    public static string PathOf(WorkerHandle worker, string directory) =>
        Path.GetFullPath(Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"worker-{worker.Id}-{worker.ProcessId}.dmp")));

    /// <summary>Writes it. Completes when it is written, or fails by then with a reason.</summary>
    /// <exception cref="IOException">It could not be written: the worker is no .NET program, its runtime does not answer, the disk is full.</exception>
    /// <exception cref="TimeoutException">It was not written in time.</exception>
    public static async Task WriteAsync(WorkerHandle worker, string path, TimeProvider time)
    {
        var socket = worker.Files.DiagnosticSocket
            ?? throw new IOException("The system does not say when the worker was started, by which its diagnostics socket is named.");
        using var answer = new CancellationTokenSource(AnswerDeadline, time);
        await InTime(DiagnosticPort.PingAsync(worker.ProcessId, socket, answer.Token), answer, $"Its runtime did not answer within {AnswerDeadline}.").ConfigureAwait(false);
        using var end = new CancellationTokenSource(Deadline, time);
        var writing = DiagnosticPort.WriteDumpAsync(worker.ProcessId, socket, path, end.Token);
        await CancelUnlessGrowing(writing, path, end, time).ConfigureAwait(false);
        await InTime(writing, end, $"It was not written within {Deadline}, or did not grow for {GrowthDeadline}.").ConfigureAwait(false);
    }

    private static async Task CancelUnlessGrowing(Task writing, string path, CancellationTokenSource end, TimeProvider time)
    {
        var (length, grown) = (-1L, time.GetTimestamp());
        while (await Task.WhenAny(writing, Task.Delay(PollInterval, time, CancellationToken.None)).ConfigureAwait(false) != writing)
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length != length)
                (length, grown) = (file.Length, time.GetTimestamp());
            else if (time.GetElapsedTime(grown) > GrowthDeadline)
                await end.CancelAsync().ConfigureAwait(false);
        }
    }

    private static async Task InTime(Task task, CancellationTokenSource deadline, string failure)
    {
        try
        {
            await task.ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested)
        {
            throw new TimeoutException(failure, exception);
        }
    }
}
