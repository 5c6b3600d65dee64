using System.Buffers;
using ProcessCluster.Serialization;

namespace ProcessCluster.Generators.Tests;

/// <summary>Declared messages to bytes and back, as the library does it.</summary>
internal static class Wire
{
    public static byte[] Write<T>(in T message)
    {
        var output = new ArrayBufferWriter<byte>();
        GeneratedMessageSerializer.Instance.Serialize(message, output);
        return output.WrittenSpan.ToArray();
    }

    public static T Read<T>(byte[] bytes) => GeneratedMessageSerializer.Instance.Deserialize<T>(bytes);

    public static T RoundTrip<T>(in T message) => Read<T>(Write(message));

    /// <summary>What another version of a program reads from what this one writes.</summary>
    public static TTo Send<TFrom, TTo>(in TFrom message) => Read<TTo>(Write(message));
}
