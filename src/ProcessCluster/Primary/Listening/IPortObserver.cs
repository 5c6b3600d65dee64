namespace ProcessCluster.Primary.Listening;

/// <summary>What a port has to tell.</summary>
internal interface IPortObserver
{
    /// <summary>No descriptor or memory is left; told once until accepting works again.</summary>
    void Exhausted(SharedPort port);

    /// <summary>A connection was refused, because too many wait.</summary>
    void Refused(SharedPort port);

    /// <summary>The program's policy has thrown.</summary>
    void PolicyFailed(SharedPort port, Exception exception);

    /// <summary><see cref="SharedPort.EndOverdue(long)"/> is to be called every now and then.</summary>
    void NeedsClock();

    /// <summary>Connections are held for a worker that is behind: <see cref="SharedPort.ServeWaiting"/> is to be called again in some milliseconds.</summary>
    void Holds();
}
