using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>On which processors a process runs (<c>man 2 sched_setaffinity</c>).</summary>
internal static unsafe class ProcessorAffinity
{
    /// <summary>Room for 8192 processors, which is what Linux can be built for.</summary>
    private const int MaskBytes = 1024;

    /// <summary>Has a child run on one of the processors of this process: that with the number, counted over again from the first.</summary>
    /// <exception cref="IOException">The system refused it.</exception>
    public static void Pin(int processId, int number)
    {
        var mask = stackalloc byte[MaskBytes];
        if (Libc.sched_getaffinity(0, MaskBytes, mask) < 0)
            throw Libc.LastException("The processors of this process could not be read");
        var mine = new List<int>();
        for (var processor = 0; processor < MaskBytes * 8; processor++)
        {
            if ((mask[processor / 8] & (1 << (processor % 8))) != 0)
                mine.Add(processor);
        }
        var chosen = mine[number % mine.Count];
        new Span<byte>(mask, MaskBytes).Clear();
        mask[chosen / 8] = (byte)(1 << (chosen % 8));
        if (Libc.sched_setaffinity(processId, MaskBytes, mask) < 0)
            throw Libc.LastException($"The worker could not be bound to processor {chosen}");
    }
}
