namespace ProcessCluster;

/// <summary>Something failed in the cluster itself. The base of the library's own exceptions.</summary>
public class ClusterException : Exception
{
    /// <summary>Creates it without a message.</summary>
    public ClusterException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure with its operands, and the remedy.</param>
    public ClusterException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure with its operands, and the remedy.</param>
    /// <param name="innerException">The cause.</param>
    public ClusterException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// The cluster could not start: its first worker ended before it was up, or was not up in time. The cause is in the message
/// and in <see cref="Exit"/>; no worker is left.
/// </summary>
public sealed class ClusterStartException : ClusterException
{
    /// <summary>Creates it without a message.</summary>
    public ClusterStartException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure.</param>
    public ClusterStartException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure.</param>
    /// <param name="innerException">The cause.</param>
    public ClusterStartException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal ClusterStartException(string message, int workerId, WorkerExit exit)
        : base(message)
    {
        WorkerId = workerId;
        Exit = exit;
    }

    /// <summary>The worker that failed, or 0.</summary>
    public int WorkerId { get; }

    /// <summary>Gets the end of the worker.</summary>
    public WorkerExit? Exit { get; }
}
