namespace ProcessCluster;

/// <summary>The process that a message or a request was for is gone, or its link is closed. The message names it and how it ended.</summary>
public sealed class PeerGoneException : ClusterMessageException
{
    /// <summary>Creates it without a message.</summary>
    public PeerGoneException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The process, and how it ended.</param>
    public PeerGoneException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The process, and how it ended.</param>
    /// <param name="innerException">The cause.</param>
    public PeerGoneException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>The handler of a request threw, in the other process.</summary>
public sealed class RemoteHandlerException : ClusterMessageException
{
    /// <summary>Creates it without a message.</summary>
    public RemoteHandlerException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure.</param>
    public RemoteHandlerException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure.</param>
    /// <param name="innerException">The cause.</param>
    public RemoteHandlerException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal RemoteHandlerException(string message, string type, string remoteMessage, string? stackTrace)
        : base(message) => (RemoteType, RemoteMessage, RemoteStackTrace) = (type, remoteMessage, stackTrace);

    /// <summary>The full name of the exception's type.</summary>
    public string RemoteType { get; } = "";

    /// <summary>The exception's message.</summary>
    public string RemoteMessage { get; } = "";

    /// <summary>Gets the place where it was thrown, if <see cref="ClusterOptions.SendStackTraces"/> was on there; else null.</summary>
    public string? RemoteStackTrace { get; }
}
