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
    /// <param name="message">What was expected, what was found, and at which offset.</param>
    public MessageFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it.</summary>
    /// <param name="message">What was expected, what was found, and at which offset.</param>
    /// <param name="innerException">The cause.</param>
    public MessageFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates it. For formatters.</summary>
    /// <param name="expected">What should have come.</param>
    /// <param name="found">What came.</param>
    /// <param name="offset">Where the value begins that could not be read, as the reader's <c>Consumed</c> was before it.</param>
    public MessageFormatException(string expected, string found, int offset)
        : base($"A message is not what its reader expects: expected {expected}, found {found} at offset {offset}.") => Offset = offset;

    /// <summary>Gets the start of the value that could not be read, in bytes from the start of the data; -1 if it is not known.</summary>
    public int Offset { get; } = -1;
}
