namespace BenchMessages;

/// <summary>One kind of link between two processes, measured.</summary>
internal interface ILinkBenchmark : IAsyncDisposable
{
    /// <summary>A request of 100 bytes and its answer: the median, in microseconds.</summary>
    Task<double> RoundTripAsync(int count);

    /// <summary>Messages of 100 bytes one way, handled: messages per second.</summary>
    Task<double> OneWayAsync(int count);

    /// <summary>Messages of 1 MiB one way, handled: bytes per second.</summary>
    Task<double> BulkAsync(int count);

    /// <summary>Bytes that the sender allocates for each message of 100 bytes.</summary>
    Task<double> AllocatedAsync(int count);

    static double Median(long[] ticks)
    {
        Array.Sort(ticks);
        return ticks[ticks.Length / 2] * 1e6 / System.Diagnostics.Stopwatch.Frequency;
    }
}
