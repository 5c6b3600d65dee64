using System.Buffers.Binary;
using System.Text;

namespace ProcessCluster.Protocol;

/// <summary>The body of a failure: three texts, each with a 32-bit length, cut to a size that any link takes.</summary>
internal readonly record struct FailureText(string Type, string Message, string? StackTrace)
{
    private const int MaxText = 16 * 1024;

    public byte[] Encode() => [.. Encode(Type), .. Encode(Message), .. Encode(StackTrace ?? "")];

    /// <exception cref="InvalidDataException">It is not such a body.</exception>
    public static FailureText Decode(ReadOnlySpan<byte> body)
    {
        var type = Text(ref body);
        var message = Text(ref body);
        var stack = Text(ref body);
        return new FailureText(type, message, stack.Length > 0 ? stack : null);
    }

    /// <exception cref="InvalidDataException">A failure with this code and this body could not be read.</exception>
    public static void Check(FrameCode code, ReadOnlySpan<byte> body)
    {
        if (code is FrameCode.None or FrameCode.HandlerReady or > FrameCode.TooMany)
            throw new InvalidDataException($"A failure has the unknown code {(ushort)code}.");
        Decode(body);
    }

    private static byte[] Encode(string text)
    {
        var cut = text.Length > MaxText ? text[..MaxText] : text;
        var bytes = new byte[sizeof(int) + Encoding.UTF8.GetByteCount(cut)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length - sizeof(int));
        Encoding.UTF8.GetBytes(cut, bytes.AsSpan(sizeof(int)));
        return bytes;
    }

    private static string Text(ref ReadOnlySpan<byte> rest)
    {
        if (rest.Length < sizeof(int) || BinaryPrimitives.ReadInt32LittleEndian(rest) is var length && (length < 0 || length > rest.Length - sizeof(int)))
            throw new InvalidDataException("The body of a failure ends too early.");
        var text = Encoding.UTF8.GetString(rest.Slice(sizeof(int), length));
        rest = rest[(sizeof(int) + length)..];
        return text;
    }
}
