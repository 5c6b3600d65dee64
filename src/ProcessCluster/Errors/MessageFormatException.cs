namespace ProcessCluster;

/// <summary>
/// Bytes that should be a message are not: they are cut off, damaged, or of another type than the reader expects. The message says what
/// was expected, what was found and where.
/// </summary>
public sealed class MessageFormatException : ClusterException
{
    /// <summary>Creates it without a message.</summary>
    public MessageFormatException()
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The expected and the found value, and the offset.</param>
    public MessageFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">The expected and the found value, and the offset.</param>
    /// <param name="innerException">The cause.</param>
    public MessageFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates it. For formatters.</summary>
    /// <param name="expected">The expected value.</param>
    /// <param name="found">The found value.</param>
    /// <param name="offset">The start of the value that could not be read: the reader's <c>Consumed</c> before it.</param>
    public MessageFormatException(string expected, string found, int offset)
        : base($"A message is not what its reader expects: expected {expected}, found {found} at offset {offset}.") => Offset = offset;

    /// <summary>Gets the start of the value that could not be read, in bytes from the start of the data; -1 if it is not known.</summary>
    public int Offset { get; } = -1;
}
