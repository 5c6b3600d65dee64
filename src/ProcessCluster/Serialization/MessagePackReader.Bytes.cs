using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Code = ProcessCluster.Serialization.MessagePackCode;

namespace ProcessCluster.Serialization;

public ref partial struct MessagePackReader
{
    // Text of so many bytes is decoded on the stack first, so that it is gone through only once.
    private const int MaxBytesOnStack = 256;

    /// <summary>Reads text, or null where nil comes.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or the text is not UTF-8.</exception>
    public string? ReadString()
    {
        var start = _position;
        return TryReadNil() ? null : Decode(ReadUtf8(), start);
    }

    /// <summary>Reads text as its UTF-8 bytes, which are not checked: for comparing, as with the names of members.</summary>
    /// <exception cref="MessageFormatException">Something else comes, nil included.</exception>
    public ReadOnlySpan<byte> ReadUtf8()
    {
        const string Expected = "text";
        var start = _position;
        var code = Peek(Expected);
        uint length;
        if ((code & 0xe0) == Code.FixStr)
        {
            _position++;
            length = code & 0x1fu;
        }
        else
        {
            length = code switch
            {
                Code.Str8 => ReadLength(1, Expected),
                Code.Str16 => ReadLength(2, Expected),
                Code.Str32 => ReadLength(4, Expected),
                _ => throw Unexpected(Expected),
            };
        }
        return TakeBody(length, start, Expected);
    }

    /// <summary>Reads binary data where it lies: the bytes are those of the data that the reader was given.</summary>
    /// <exception cref="MessageFormatException">Something else comes, nil included.</exception>
    public ReadOnlySpan<byte> ReadBinary()
    {
        const string Expected = "binary data";
        var start = _position;
        var length = Peek(Expected) switch
        {
            Code.Bin8 => ReadLength(1, Expected),
            Code.Bin16 => ReadLength(2, Expected),
            Code.Bin32 => ReadLength(4, Expected),
            _ => throw Unexpected(Expected),
        };
        return TakeBody(length, start, Expected);
    }

    /// <summary>Reads binary data into an array of its own, or null where nil comes.</summary>
    /// <exception cref="MessageFormatException">Something else comes.</exception>
    public byte[]? ReadBytes() => TryReadNil() ? null : ReadBinary().ToArray();

    /// <summary>Reads the head of an extension. As many bytes follow, and all of them are there.</summary>
    /// <param name="type">The extension's type; -1 is the timestamp.</param>
    /// <returns>How many bytes the extension has.</returns>
    /// <exception cref="MessageFormatException">Something else comes, or the extension is cut off.</exception>
    public int ReadExtensionHeader(out sbyte type)
    {
        const string Expected = "an extension";
        var start = _position;
        var code = Peek(Expected);
        uint length;
        if (code is >= Code.FixExt1 and <= Code.FixExt16)
        {
            _position++;
            length = 1u << (code - Code.FixExt1);
        }
        else
        {
            length = code switch
            {
                Code.Ext8 => ReadLength(1, Expected),
                Code.Ext16 => ReadLength(2, Expected),
                Code.Ext32 => ReadLength(4, Expected),
                _ => throw Unexpected(Expected),
            };
        }
        if (length >= (uint)Left)
            ThrowCutOff(Expected, length, start);
        type = (sbyte)_data[_position++];
        return (int)length;
    }

    /// <summary>Reads an extension where it lies: the bytes are those of the data that the reader was given.</summary>
    /// <param name="type">The extension's type; -1 is the timestamp.</param>
    /// <exception cref="MessageFormatException">Something else comes.</exception>
    public ReadOnlySpan<byte> ReadExtension(out sbyte type) => Take(ReadExtensionHeader(out type), "an extension");

    /// <summary>Reads MessagePack's timestamp of any size, in UTC. What is finer than 100 ns is cut off.</summary>
    /// <exception cref="MessageFormatException">Something else comes, or a time outside the years 1 to 9999.</exception>
    public DateTime ReadDateTime()
    {
        const string Expected = "a timestamp (extension -1) of the years 1 to 9999";
        var start = _position;
        if (NextType != MessagePackType.Extension)
            ThrowUnexpected(Expected);
        var data = ReadExtension(out var type);
        return type == Timestamp.ExtensionType && Timestamp.TryRead(data, out var utc)
            ? utc
            : throw new MessageFormatException(Expected, $"extension {type} with {data.Length} bytes {Preview(data)}", start);
    }

    [SkipLocalsInit]
    private static string Decode(ReadOnlySpan<byte> utf8, int start)
    {
        if (utf8.Length <= MaxBytesOnStack)
        {
            Span<char> text = stackalloc char[MaxBytesOnStack];
            var status = Utf8.ToUtf16(utf8, text, out _, out var length, replaceInvalidSequences: false);
            if (status == System.Buffers.OperationStatus.Done)
                return new string(text[..length]);
        }
        else if (Utf8.IsValid(utf8))
        {
            return Encoding.UTF8.GetString(utf8);
        }
        throw new MessageFormatException("text in UTF-8", $"{utf8.Length} bytes that are not", start);
    }

    /// <summary>Reads a code and the length that follows it in so many bytes.</summary>
    private uint ReadLength(int size, string expected)
    {
        var length = 0u;
        foreach (var digit in Take(1 + size, expected)[1..])
            length = (length << 8) | digit;
        return length;
    }

    private ReadOnlySpan<byte> TakeBody(uint length, int start, string expected)
    {
        if (length > (uint)Left)
            ThrowCutOff(expected, length, start);
        var body = _data.Slice(_position, (int)length);
        _position += (int)length;
        return body;
    }

    private readonly void ThrowCutOff(string expected, uint length, int start) =>
        throw new MessageFormatException(expected, $"the length of {length} bytes with {Left} left", start);

    private static string Preview(ReadOnlySpan<byte> data) => Convert.ToHexStringLower(data[..Math.Min(data.Length, 12)]);
}
