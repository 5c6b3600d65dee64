namespace ProcessCluster.Primary.Workers;

/// <summary>A worker as the fleet sees it.</summary>
internal interface IFleetWorker
{
    int Id { get; }

    int Slot { get; }

    int Generation { get; }

    bool IsUp { get; }

    /// <summary>Gets whether it is to leave, for whatever reason, or is hung, or gone.</summary>
    bool IsGoing { get; }

    /// <summary>When its boot was over (<see cref="TimeProvider.GetTimestamp"/>), or 0.</summary>
    long UpSince { get; }

    WorkerLoad Load { get; }

    /// <summary>Completes when the boot is over, with null when the worker ended before.</summary>
    Task<IReadOnlyCollection<string>?> Booted { get; }

    /// <summary>Completes when its process is gone.</summary>
    Task<WorkerExit> Gone { get; }

    /// <summary>Gets the outcome for its connections, once it has ended.</summary>
    DrainOutcome DrainOutcome { get; }

    /// <summary>The last lines of its standard error, once it has ended.</summary>
    Task<IReadOnlyList<string>> LastErrors { get; }
}

/// <summary>Why workers ended.</summary>
internal static class LastWords
{
    /// <summary>Returns how it ended, with the last lines that it wrote if nothing else explains it. Waits for those.</summary>
    public static async Task<WorkerExit> ExplainAsync(this IFleetWorker worker, WorkerExit exit) =>
        exit.IsUnexplained ? exit with { LastErrors = await worker.LastErrors.ConfigureAwait(false) } : exit;
}

/// <summary>The load of a worker, at the last sample.</summary>
/// <param name="Requests">Requests begun since its start.</param>
/// <param name="InFlight">Requests begun and not ended.</param>
/// <param name="Busy">For how long there was at least one.</param>
/// <param name="Memory">Resident bytes.</param>
/// <param name="BusyShare">The share of the time, 0 to 1, in which there was at least one, between the last two samples.</param>
/// <param name="At">The time of the sample (<see cref="TimeProvider.GetTimestamp"/>).</param>
internal readonly record struct WorkerLoad(long Requests, int InFlight, TimeSpan Busy, long Memory, double BusyShare = 0, long At = 0)
{
    /// <summary>The next sample.</summary>
    public WorkerLoad Next(long requests, int inFlight, TimeSpan busy, long now, TimeSpan since) => this with
    {
        Requests = requests,
        InFlight = inFlight,
        Busy = busy,
        BusyShare = At == 0 || since <= TimeSpan.Zero ? 0 : Math.Clamp((busy - Busy) / since, 0, 1),
        At = now,
    };
}
