namespace ProcessCluster;

/// <summary>A message could not be sent or taken, for a reason that lies in the message or its type.</summary>
public class ClusterMessageException : ClusterException
{
    /// <summary>Creates it without a message.</summary>
    public ClusterMessageException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure with its operands, and the remedy.</param>
    public ClusterMessageException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The failure with its operands, and the remedy.</param>
    /// <param name="innerException">The cause.</param>
    public ClusterMessageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A type is used as a message but was not declared as one, so there is no code that writes and reads it.</summary>
public sealed class MessageNotDeclaredException : ClusterMessageException
{
    /// <summary>Creates it without a message.</summary>
    public MessageNotDeclaredException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The type, and the remedy.</param>
    public MessageNotDeclaredException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The type, and the remedy.</param>
    /// <param name="innerException">The cause.</param>
    public MessageNotDeclaredException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
