namespace ProcessCluster.Linux.Events;

/// <summary>Time on the cluster's loop. Belongs to the loop's thread.</summary>
internal interface ILoopTimer
{
    /// <summary>Calls the action again and again, until <see cref="Stop"/>.</summary>
    void Start(TimeSpan interval, Action tick);

    void Stop();
}
