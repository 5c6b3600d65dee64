using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Events;

/// <summary>
/// Time on a loop's own thread (<c>man 2 timerfd_create</c>). A <see cref="System.Threading.Timer"/> would wake a thread of the pool, which spins for work before it
/// sleeps again, only to wake the loop. Lives as long as the loop; belongs to its thread.
/// </summary>
internal sealed unsafe class LoopTimer : EventLoop.Watch, ILoopTimer
{
    private readonly Descriptor _timer;
    private Action? _tick;

    /// <param name="loop">The loop on which it ticks.</param>
    /// <exception cref="IOException">The system has no more descriptors.</exception>
    public LoopTimer(EventLoop loop)
    {
        _timer = new Descriptor(Libc.timerfd_create(Libc.CLOCK_MONOTONIC, Libc.TFD_CLOEXEC | Libc.TFD_NONBLOCK));
        if (_timer.IsInvalid)
            throw Libc.LastException("No timer could be created");
        loop.Add(this, _timer.Number, EpollEvents.Readable);
    }

    /// <inheritdoc/>
    public void Start(TimeSpan interval, Action tick)
    {
        _tick = tick;
        Set(interval);
    }

    public void Stop() => Set(TimeSpan.Zero);

    public override void OnReady(EpollEvents events)
    {
        ulong ticks;
        // The kernel starts the next interval when this one is read. Nothing is there to read when it was stopped meanwhile.
        if (Libc.read(_timer, &ticks, sizeof(ulong)) == sizeof(ulong))
            _tick?.Invoke();
    }

    private void Set(TimeSpan interval)
    {
        var (seconds, rest) = Math.DivRem(interval.Ticks, TimeSpan.TicksPerSecond);
        var value = stackalloc long[4] { seconds, rest * TimeSpan.NanosecondsPerTick, seconds, rest * TimeSpan.NanosecondsPerTick };
        if (Libc.timerfd_settime(_timer, 0, value, null) < 0)
            throw Libc.LastException("The timer could not be set");
    }
}
