namespace ProcessCluster.Primary.Supervision;

/// <summary>How long to wait before a worker is replaced: not at all after the first short life, then doubling up to a cap.</summary>
internal static class RestartBackoff
{
    /// <summary>A worker that was up for less than this had a short life.</summary>
    public static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Cap = TimeSpan.FromSeconds(10);

    /// <param name="shortLives">How many workers in a row, in this place, had a short life or none.</param>
    public static TimeSpan Delay(int shortLives) => shortLives switch
    {
        <= 1 => TimeSpan.Zero,
        > 8 => Cap,
        _ => TimeSpan.FromTicks(Math.Min(Cap.Ticks, First.Ticks << (shortLives - 2))),
    };
}
