namespace ProcessCluster.Serialization;

/// <summary>Writes and reads values of one type as MessagePack. Implementations keep no state between calls and are thread-safe.</summary>
/// <typeparam name="T">The type.</typeparam>
public interface IMessageFormatter<T>
{
    /// <summary>Writes exactly one MessagePack value.</summary>
    /// <param name="writer">The writer of the data.</param>
    /// <param name="value">The value to write.</param>
    /// <exception cref="ClusterMessageException">The value cannot be written.</exception>
    void Write(ref MessagePackWriter writer, in T value);

    /// <summary>Reads exactly one MessagePack value.</summary>
    /// <param name="reader">The reader of the data.</param>
    /// <exception cref="MessageFormatException">What comes next is not a value of this type.</exception>
    T Read(ref MessagePackReader reader);
}
