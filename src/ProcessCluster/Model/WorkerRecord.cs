namespace ProcessCluster;

/// <summary>A worker that was. Immutable.</summary>
/// <param name="Id">Its number.</param>
/// <param name="ProcessId">The id that its process had.</param>
/// <param name="Slot">The slot that it had last.</param>
/// <param name="Generation">Its generation.</param>
/// <param name="Started">The start of its process.</param>
/// <param name="Ended">The end of its process.</param>
/// <param name="Exit">The end of the process: how and why.</param>
public sealed record WorkerRecord(
    int Id, int ProcessId, int Slot, int Generation, DateTimeOffset Started, DateTimeOffset Ended, WorkerExit Exit)
{
    /// <summary>A line for people.</summary>
    public override string ToString() =>
        $"worker {Id} (process {ProcessId}, slot {Slot}, generation {Generation}) {Exit} after {(Ended - Started).TotalSeconds:F1} s";
}
