using System.Buffers;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

/// <summary>Writes with a writer or a formatter and gives the bytes; reads such bytes.</summary>
internal static class Encoded
{
    public delegate void Write(ref MessagePackWriter writer);

    public delegate T Read<T>(ref MessagePackReader reader);

    public static byte[] By(Write write)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(output);
        write(ref writer);
        writer.Flush();
        return output.WrittenSpan.ToArray();
    }

    public static byte[] By<T>(IMessageFormatter<T> formatter, T value) =>
        By((ref writer) => formatter.Write(ref writer, in value));

    public static string Hex(Write write) => Convert.ToHexStringLower(By(write));

    public static string Hex<T>(IMessageFormatter<T> formatter, T value) => Convert.ToHexStringLower(By(formatter, value));

    /// <summary>Reads a value that takes up all the bytes.</summary>
    public static T Decode<T>(IMessageFormatter<T> formatter, ReadOnlySpan<byte> bytes)
    {
        var reader = new MessagePackReader(bytes);
        var value = formatter.Read(ref reader);
        Assert.Equal(bytes.Length, reader.Consumed);
        return value;
    }

    public static T Decode<T>(IMessageFormatter<T> formatter, string hex) => Decode(formatter, Convert.FromHexString(hex));

    public static T Decode<T>(Read<T> read, string hex)
    {
        var bytes = Convert.FromHexString(hex);
        var reader = new MessagePackReader(bytes);
        var value = read(ref reader);
        Assert.Equal(bytes.Length, reader.Consumed);
        return value;
    }

    /// <summary>Reads what cannot be read.</summary>
    public static MessageFormatException Fail<T>(Read<T> read, string hex) =>
        Assert.Throws<MessageFormatException>(() =>
        {
            var reader = new MessagePackReader(Convert.FromHexString(hex));
            read(ref reader);
        });
}
