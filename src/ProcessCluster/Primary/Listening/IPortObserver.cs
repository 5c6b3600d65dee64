namespace ProcessCluster.Primary.Listening;

/// <summary>What a port has to tell.</summary>
internal interface IPortObserver
{
    /// <summary>No descriptor or memory is left; told once until accepting works again.</summary>
    void Exhausted(ISharedEndPoint port);

    /// <summary>A connection was refused, because too many wait.</summary>
    void Refused(ISharedEndPoint port);

    /// <summary>The program's policy has thrown.</summary>
    void PolicyFailed(ISharedEndPoint port, Exception exception);

    /// <summary>The port waits for a time: the clock is to run.</summary>
    void NeedsClock();

    /// <summary>Connections are held for a worker that is behind: they are to be served again in some milliseconds.</summary>
    void Holds();
}
