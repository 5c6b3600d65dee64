namespace ProcessCluster.TestApp;

/// <summary>Makes the thread pool start all its threads at once, and no other one later.</summary>
internal static class PoolThreads
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static void StartAll(int count)
    {
        ThreadPool.SetMinThreads(count, count);
        ThreadPool.SetMaxThreads(count, count);
        // Never disposed: a thread of the pool may still be about to wait for the others when this one has seen all of them.
        var all = new CountdownEvent(count);
        var timed = new ManualResetEvent(false);
        for (var i = 0; i < count; i++)
            ThreadPool.UnsafeQueueUserWorkItem(WaitForOthers, all);
        var timer = new Timer(static state => ((ManualResetEvent)state!).Set(), timed, 1, Timeout.Infinite);
        if (!all.Wait(Patience) || !timed.WaitOne(Patience))
            throw new InvalidOperationException($"The {count} threads of the pool have not started within {Patience.TotalSeconds:0} s.");
        GC.KeepAlive(timer);
    }

    private static void WaitForOthers(object? state)
    {
        var all = (CountdownEvent)state!;
        all.Signal();
        all.Wait(Patience);
    }
}
