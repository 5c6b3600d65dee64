namespace ProcessCluster.Messaging.Links;

/// <summary>
/// Sees to it that code of the program that runs on a link's reading thread does not hold up the link: looks every millisecond, and has
/// another thread read when the same code runs as the last time. Sleeps when no such code has run for a while.
/// </summary>
internal static class StalledReaderMonitor
{
    private const int IntervalMilliseconds = 1;
    private const int IdleRounds = 100;

    private static readonly Lock Gate = new();
    private static readonly AutoResetEvent Wake = new(false);
    private static volatile Link[] _links = [];
    private static Thread? _thread;
    private static int _isAsleep = 1;

    public static void Add(Link link)
    {
        lock (Gate)
        {
            _links = [.. _links, link];
        }
    }

    public static void Remove(Link link)
    {
        lock (Gate)
        {
            _links = [.. _links.Where(l => l != link)];
        }
    }

    /// <summary>Code of the program begins to run on a reading thread.</summary>
    public static void Begin()
    {
        if (Volatile.Read(ref _isAsleep) != 0 && Interlocked.Exchange(ref _isAsleep, 0) != 0)
            Start();
    }

    private static void Start()
    {
        lock (Gate)
        {
            if (_thread is null)
            {
                _thread = new Thread(Run) { Name = "ProcessCluster reader watch", IsBackground = true };
                _thread.UnsafeStart();
            }
        }
        Wake.Set();
    }

    private static void Run()
    {
        var idle = 0;
        while (true)
        {
            var any = false;
            foreach (var link in _links)
                any |= link.ReplaceStalledReader();
            idle = any ? 0 : idle + 1;
            if (idle < IdleRounds)
            {
                Wake.WaitOne(IntervalMilliseconds);
                continue;
            }
            Interlocked.Exchange(ref _isAsleep, 1);
            // Code that began before it could be seen that nobody looks.
            if (Array.TrueForAll(_links, static link => !link.IsRunningProgram) || Interlocked.Exchange(ref _isAsleep, 0) == 0)
                Wake.WaitOne();
            idle = 0;
        }
    }
}
