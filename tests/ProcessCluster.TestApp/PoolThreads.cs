namespace ProcessCluster.TestApp;

/// <summary>Makes the thread pool start all its threads at once, and no other one later.</summary>
internal static class PoolThreads
{
    public static void StartAll(int count)
    {
        ThreadPool.SetMinThreads(count, count);
        ThreadPool.SetMaxThreads(count, count);
        using var all = new CountdownEvent(count);
        using var timed = new ManualResetEvent(false);
        for (var i = 0; i < count; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => WaitForOthers(), null);
        using var timer = new Timer(_ => timed.Set(), null, 1, Timeout.Infinite);
        if (!all.Wait(TimeSpan.FromSeconds(10)) || !timed.WaitOne(TimeSpan.FromSeconds(10)))
            throw new InvalidOperationException($"The {count} threads of the pool have not started.");

        void WaitForOthers()
        {
            all.Signal();
            all.Wait(TimeSpan.FromSeconds(10));
        }
    }
}
