using System.Buffers.Binary;
using System.Text;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>A format that a client's first bytes may have.</summary>
internal interface IFirstBytes
{
    /// <summary>Gets the number of bytes that it reads.</summary>
    int MaxBytes { get; }

    /// <summary>Returns whether more bytes would not change the key.</summary>
    bool IsWhole(ReadOnlySpan<byte> sent);

    /// <summary>The key in it; empty when there is none.</summary>
    ReadOnlySpan<byte> Key(ReadOnlySpan<byte> sent);
}

/// <summary>The head of a request of HTTP/1.1 (RFC 9112), with a header or a cookie (RFC 6265) as the key.</summary>
internal sealed class HttpHead(string name, bool isCookie) : IFirstBytes
{
    private readonly byte[] _header = Encoding.ASCII.GetBytes(isCookie ? "cookie" : name);
    private readonly byte[] _cookie = Encoding.ASCII.GetBytes(name);

    public int MaxBytes => 8 * 1024;

    public bool IsWhole(ReadOnlySpan<byte> sent) => !char.IsAsciiLetter((char)sent[0]) || sent.IndexOf("\r\n\r\n"u8) >= 0;

    public ReadOnlySpan<byte> Key(ReadOnlySpan<byte> sent)
    {
        var first = true;
        while (sent.IndexOf("\r\n"u8) is > 0 and var end)
        {
            var line = sent[..end];
            sent = sent[(end + 2)..];
            if (first)
            {
                first = false; // The request line.
                continue;
            }
            var colon = line.IndexOf((byte)':');
            if (colon != _header.Length || !Ascii.EqualsIgnoreCase(line[..colon], _header))
                continue;
            var value = line[(colon + 1)..].Trim(" \t"u8);
            if (!isCookie)
                return value;
            if (CookieIn(value) is { IsEmpty: false } found)
                return found;
        }
        return [];
    }

    private ReadOnlySpan<byte> CookieIn(ReadOnlySpan<byte> cookies)
    {
        foreach (var range in cookies.Split((byte)';'))
        {
            var pair = cookies[range].Trim((byte)' ');
            var equals = pair.IndexOf((byte)'=');
            if (equals == _cookie.Length && pair[..equals].SequenceEqual(_cookie))
                return pair[(equals + 1)..];
        }
        return [];
    }
}

/// <summary>TLS's first message (RFC 8446, 4.1.2) in its records, with the server's name (RFC 6066, 3) as the key.</summary>
internal sealed class ClientHello : IFirstBytes
{
    private const byte Handshake = 22, Hello = 1;
    private const int RecordHeader = 5, HelloHeader = 4;

    public int MaxBytes => 8 * 1024;

    public bool IsWhole(ReadOnlySpan<byte> sent)
    {
        if (sent[0] != Handshake)
            return true; // No TLS.
        return sent.Length >= RecordHeader && sent.Length - RecordHeader >= BinaryPrimitives.ReadUInt16BigEndian(sent[3..]);
    }

    public ReadOnlySpan<byte> Key(ReadOnlySpan<byte> sent)
    {
        if (sent.Length < RecordHeader + HelloHeader || sent[0] != Handshake || sent[RecordHeader] != Hello)
            return [];
        // A client that spreads it over several records has its name in the first one, or is served in turn.
        var rest = sent[(RecordHeader + HelloHeader)..];
        if (!Skip(ref rest, 2 + 32) || !SkipVector(ref rest, 1) || !SkipVector(ref rest, 2) || !SkipVector(ref rest, 1) || !Skip(ref rest, 2))
            return [];
        while (rest.Length >= 4)
        {
            var type = BinaryPrimitives.ReadUInt16BigEndian(rest);
            var length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            rest = rest[4..];
            if (length > rest.Length)
                return [];
            // server_name: a list of (type 0, name).
            if (type == 0 && length > 5 && rest[2] == 0)
            {
                var name = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
                return name <= length - 5 ? rest.Slice(5, name) : [];
            }
            rest = rest[length..];
        }
        return [];
    }

    private static bool Skip(ref ReadOnlySpan<byte> rest, int count)
    {
        if (rest.Length < count)
            return false;
        rest = rest[count..];
        return true;
    }

    private static bool SkipVector(ref ReadOnlySpan<byte> rest, int lengthBytes)
    {
        if (rest.Length < lengthBytes)
            return false;
        var length = lengthBytes == 1 ? rest[0] : BinaryPrimitives.ReadUInt16BigEndian(rest);
        return Skip(ref rest, lengthBytes + length);
    }
}
