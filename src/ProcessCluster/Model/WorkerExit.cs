using System.Globalization;

namespace ProcessCluster;

/// <summary>The end of a worker's process: how and why. Immutable.</summary>
/// <param name="Cause">The cause.</param>
/// <param name="ExitCode">The code that it exited with (0 to 255), or null when a signal ended it or the code was not to be had.</param>
/// <param name="Signal">The signal that ended it, or null when it exited by itself. Exactly as the kernel says, not a code above 128.</param>
public sealed record WorkerExit(WorkerExitCause Cause, int? ExitCode, Signal? Signal)
{
    private const string EarlyEnd = "the program ended before it was ready. Its code runs in the primary and in every worker, the code around the builder too: "
        + "what only one process can do (bind a port of its own, lock a file, hold a mutex) must ask Cluster.IsPrimary first, see docs/guides/aspnetcore.md, 'What runs where'";

    /// <summary>Gets the worker's own report of its end, for example the exception that its start failed with; null when it made none.</summary>
    public string? Reason { get; init; }

    /// <summary>The dump that was written of it because it was hung; null when none was.</summary>
    public string? DumpPath { get; init; }

    /// <summary>Gets whether it ended before it was ready.</summary>
    internal bool BeforeReady { get; init; }

    /// <summary>The last lines that it wrote to its standard error, where nothing else explains its end.</summary>
    internal IReadOnlyList<string> LastErrors { get; init; } = [];

    /// <summary>Gets whether the program ended by itself before it was ready, and gave no reason.</summary>
    internal bool IsUnexplained => this is { BeforeReady: true, Reason: null, Cause: WorkerExitCause.FailedAtBoot or WorkerExitCause.Completed }
        and { Signal: not (ProcessCluster.Signal.SIGKILL or ProcessCluster.Signal.SIGTERM) };

    /// <summary>Gets whether it was torn from its work, by itself or because it was hung.</summary>
    internal bool IsCrash => Cause is WorkerExitCause.Crashed or WorkerExitCause.Hung or WorkerExitCause.OutOfMemory;

    /// <summary>
    /// A sentence for a log: the cause, then the code or the signal, then what the worker said of it. Where it said nothing and ended before it was ready, a hint why that may be.
    /// </summary>
    public override string ToString()
    {
        var cause = Cause switch
        {
            WorkerExitCause.Requested => "left on request",
            WorkerExitCause.Completed => "ended by itself",
            WorkerExitCause.Crashed => "crashed",
            WorkerExitCause.FailedAtBoot => "failed at boot",
            WorkerExitCause.KilledLate => "did not leave in time and was killed",
            WorkerExitCause.Killed => "was killed by the primary",
            WorkerExitCause.Hung => "was hung and was killed",
            WorkerExitCause.OutOfMemory => "was killed by the system for want of memory",
            WorkerExitCause.Recycled => "was recycled",
            _ => Cause.ToString(),
        };
        var how = this switch
        {
            { Signal: { } signal } => $"{signal} ({(int)signal})",
            { ExitCode: { } code } => string.Create(CultureInfo.InvariantCulture, $"exit code {code}"),
            _ => "exit status unknown",
        };
        var hint = this is { Signal: ProcessCluster.Signal.SIGKILL, Reason: null, Cause: WorkerExitCause.Crashed or WorkerExitCause.FailedAtBoot }
            ? ": killed from outside, perhaps by the system for want of memory"
            : "";
        if (IsUnexplained)
            hint = $": {EarlyEnd}{(LastErrors.Count == 0 ? "" : $". It wrote: {string.Join(" | ", LastErrors)}")}";
        return Reason is null ? $"{cause}, {how}{hint}" : $"{cause}, {how}{hint}: {Reason}";
    }
}

/// <summary>Why a worker's process ended.</summary>
public enum WorkerExitCause
{
    /// <summary>It was asked to leave, by the primary, a SIGTERM or itself, and left within its deadline.</summary>
    Requested,

    /// <summary>It ended by itself with exit code 0, without having been asked to.</summary>
    Completed,

    /// <summary>After its boot, it exited with another code than 0 or was ended by a signal that the primary did not send.</summary>
    Crashed,

    /// <summary>It ended before it was up: its program failed to start, or did not within <see cref="ClusterOptions.BootTimeout"/>.</summary>
    FailedAtBoot,

    /// <summary>It was asked to leave, or had closed its link, was still there at <see cref="ClusterOptions.DrainTimeout"/>, and was killed with SIGKILL.</summary>
    KilledLate,

    /// <summary>
    /// It ended by the signal that the primary's program sent with <see cref="ClusterWorker.Kill"/>, or was asked to leave while it was
    /// still starting, and so had nothing to finish.
    /// </summary>
    Killed,

    /// <summary>It gave no sign of life for <see cref="ClusterOptions.HeartbeatTimeout"/> and was killed with SIGKILL.</summary>
    Hung,

    /// <summary>The system killed it with SIGKILL because its control group was out of memory (<c>oom_kill</c> in the group's <c>memory.events</c>).</summary>
    OutOfMemory,

    /// <summary>A rule of <see cref="RecycleOptions"/>, which <see cref="WorkerExit.Reason"/> names, had it replaced.</summary>
    Recycled,
}
