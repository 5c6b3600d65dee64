namespace ProcessCluster;

/// <summary>The outcome for the connections of workers that have left.</summary>
/// <param name="Moved">Idle ones that another worker serves on; their clients have noticed nothing.</param>
/// <param name="Drained">Connections that were ended in order, by their client or after it was told.</param>
/// <param name="Cut">Connections that the worker ended in the middle, such as streams at the deadline, and those that were still there when its process ended.</param>
public readonly record struct DrainOutcome(int Moved, int Drained, int Cut)
{
    /// <summary>Returns the sum of both.</summary>
    internal DrainOutcome And(DrainOutcome other) => new(Moved + other.Moved, Drained + other.Drained, Cut + other.Cut);

    /// <summary>A part of a sentence for a log.</summary>
    public override string ToString() => $"{Moved} connections moved, {Drained} drained, {Cut} cut";
}
