using ProcessCluster.Linux.Events;

namespace ProcessCluster.Primary.Ports;

/// <summary>A clock that runs only while something waits for it: an idle cluster is not woken. Belongs to the cluster's loop.</summary>
/// <param name="timer">Its timer.</param>
/// <param name="interval">The time between two ticks.</param>
/// <param name="tick">Called at each tick. Returns whether another one is needed.</param>
internal sealed class PausingClock(ILoopTimer timer, TimeSpan interval, Func<bool> tick)
{
    private Action? _tick;

    /// <summary>Gets whether it runs.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Starts it, if it does not run yet.</summary>
    public void Start()
    {
        if (IsRunning)
            return;
        IsRunning = true;
        timer.Start(interval, _tick ??= Tick);
    }

    private void Tick()
    {
        if (tick())
            return;
        IsRunning = false;
        timer.Stop();
    }
}
