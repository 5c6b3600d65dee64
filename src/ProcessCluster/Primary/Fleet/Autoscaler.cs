namespace ProcessCluster.Primary.Fleet;

/// <summary>
/// The number of workers that there should be, by their load: a pure function, called once per sample. One more at once when connections wait or
/// nearly all are busy for a few samples; one fewer when the others would still have time for a while. Fast up, slow down.
/// </summary>
/// <param name="High">The number of samples in a row that called for one more.</param>
/// <param name="Low">The number in a row that called for one fewer.</param>
internal readonly record struct Autoscaler(int High, int Low)
{
    public const double BusyAbove = 0.8, BusyBelow = 0.5;
    public const int SamplesUp = 3, SamplesDown = 30;

    /// <param name="state">The state before.</param>
    /// <param name="workers">The number of workers.</param>
    /// <param name="busy">The share of the time, 0 to 1, in which a worker had a request, on average over them.</param>
    /// <param name="waiting">Connections that wait for a worker.</param>
    /// <param name="min">The fewest workers.</param>
    /// <param name="max">The most workers.</param>
    public static (Autoscaler Next, int Workers) On(Autoscaler state, int workers, double busy, int waiting, int min, int max)
    {
        if (workers < min)
            return (default, min);
        if (workers > max)
            return (default, max);
        var high = busy > BusyAbove || waiting > 0 ? state.High + 1 : 0;
        // With one fewer, the same work.
        var low = waiting == 0 && workers > 1 && busy * workers / (workers - 1) < BusyBelow ? state.Low + 1 : 0;
        if (high >= SamplesUp)
            return (default, Math.Min(max, workers + 1));
        if (low >= SamplesDown)
            return (default, Math.Max(min, workers - 1));
        return (new Autoscaler(high, low), workers);
    }
}
