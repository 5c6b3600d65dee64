using System.Buffers;

namespace ProcessCluster.Serialization;

/// <summary>Writes declared messages as MessagePack, with the formatters that the source generator made.</summary>
internal sealed class GeneratedMessageSerializer : IMessageSerializer
{
    public static readonly GeneratedMessageSerializer Instance = new();

    private GeneratedMessageSerializer()
    {
    }

    /// <inheritdoc/>
    /// <exception cref="MessageNotDeclaredException">The type has no <see cref="ClusterMessageAttribute"/>.</exception>
    public void Serialize<T>(in T message, IBufferWriter<byte> output)
    {
        var formatter = MessageTypes.FormatterOf<T>();
        var writer = new MessagePackWriter(output);
        formatter.Write(ref writer, in message);
        writer.Flush();
    }

    /// <inheritdoc/>
    /// <exception cref="MessageNotDeclaredException">The type has no <see cref="ClusterMessageAttribute"/>.</exception>
    public T Deserialize<T>(ReadOnlyMemory<byte> body)
    {
        var formatter = MessageTypes.FormatterOf<T>();
        var reader = new MessagePackReader(body.Span);
        var message = formatter.Read(ref reader);
        if (!reader.IsAtEnd)
            throw new MessageFormatException($"the end of {typeof(T)}", $"{body.Length - reader.Consumed} bytes more", reader.Consumed);
        return message;
    }
}
