using System.Buffers;

namespace ProcessCluster;

/// <summary>
/// Puts messages into bytes and takes them out again. The built-in one writes MessagePack with generated code; replace it to use another
/// format or library. Every process of a cluster must use the same one. Implementations must be thread-safe.
/// </summary>
public interface IMessageSerializer
{
    /// <summary>Writes the message, and nothing else, to the output.</summary>
    /// <typeparam name="T">The type that the sender named.</typeparam>
    /// <param name="message">The value to write.</param>
    /// <param name="output">The buffer to write to. Bytes written before are not touched.</param>
    /// <exception cref="ClusterMessageException">The message cannot be written.</exception>
    void Serialize<T>(in T message, IBufferWriter<byte> output);

    /// <summary>Reads one message, which must take up all the bytes.</summary>
    /// <typeparam name="T">The type that the receiver expects.</typeparam>
    /// <param name="body">The bytes; they are valid only until the method returns.</param>
    /// <exception cref="MessageFormatException">The bytes are not a message of that type.</exception>
    T Deserialize<T>(ReadOnlyMemory<byte> body);
}
