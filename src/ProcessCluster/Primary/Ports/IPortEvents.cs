namespace ProcessCluster.Primary.Ports;

/// <summary>The events of a port.</summary>
internal interface IPortEvents
{
    /// <summary>No descriptor or memory is left; told once until accepting works again.</summary>
    void Exhausted(IPort port);

    /// <summary>A connection was refused, because too many wait.</summary>
    void Refused(IPort port);

    /// <summary>The program's policy has thrown.</summary>
    void PolicyFailed(IPort port, Exception exception);
}
