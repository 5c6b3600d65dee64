namespace ProcessCluster;

/// <summary>The result of a reload. Immutable.</summary>
/// <param name="Generation">The generation that the reload started; those before have smaller numbers.</param>
/// <param name="Replaced">The number of replaced workers: all of them, or, where it failed, those before the failure.</param>
/// <param name="Duration">From the reload's beginning until the last old worker was gone, or until the failed new one was.</param>
/// <param name="Failure">The reason of the failure; null when it succeeded.</param>
public sealed record ReloadResult(int Generation, int Replaced, TimeSpan Duration, ReloadFailure? Failure)
{
    /// <summary>Gets the outcome for the connections of the replaced workers. All 0 where the reload failed: it does not wait for them.</summary>
    public DrainOutcome Connections { get; init; }

    /// <summary>Gets whether every worker is of the new generation.</summary>
    public bool Succeeded => Failure is null;

    /// <summary>A sentence for a log.</summary>
    public override string ToString() => Failure is null
        ? $"The reload to generation {Generation} replaced {Replaced} workers in {Duration.TotalSeconds:F1} s: {Connections}."
        : $"The reload to generation {Generation} failed after {Replaced} workers: {Failure}";
}

/// <summary>Why a reload failed. The workers that were not replaced go on as before.</summary>
/// <param name="Reason">One line: what was wrong.</param>
/// <param name="WorkerId">The new worker that failed, or 0 when none could be started or the cluster was stopped.</param>
/// <param name="Exit">The end of that worker; null when there was none.</param>
/// <param name="LastErrors">The last lines, at most 20, that it wrote to its standard error.</param>
public sealed record ReloadFailure(string Reason, int WorkerId, WorkerExit? Exit, IReadOnlyList<string> LastErrors)
{
    /// <summary>A sentence for a log.</summary>
    public override string ToString() => LastErrors.Count == 0 ? Reason : $"{Reason} It wrote: {string.Join(" | ", LastErrors)}";
}
