using System.Buffers.Binary;
using System.Buffers.Text;
using System.Net;
using System.Text;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>The result of looking for the header at the start of a connection.</summary>
internal enum ProxyHeaderState
{
    /// <summary>A whole header.</summary>
    Whole,

    /// <summary>It may become one.</summary>
    Incomplete,

    /// <summary>It will never be one.</summary>
    Invalid,
}

/// <summary>
/// Reads the header with which a proxy tells whose connection it forwards, in both versions (HAProxy's
/// <c>proxy-protocol.txt</c>).
/// </summary>
internal static class ProxyHeader
{
    /// <summary>The longest of version 1, and the longest of version 2 that is taken: addresses and some extensions.</summary>
    private const int MaxV1 = 107, MaxV2 = 4096;

    private const int V2Fixed = 16;

    private static ReadOnlySpan<byte> V1Start => "PROXY "u8;

    private static ReadOnlySpan<byte> V2Start => [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    /// <param name="sent">The first bytes.</param>
    /// <param name="length">Of the whole header.</param>
    /// <param name="client">The client; null when the proxy speaks for itself or names none.</param>
    public static ProxyHeaderState TryRead(ReadOnlySpan<byte> sent, out int length, out PeerAddress? client)
    {
        length = 0;
        client = null;
        if (StartsAs(sent, V2Start))
            return sent.Length < V2Fixed ? ProxyHeaderState.Incomplete : ReadV2(sent, out length, out client);
        if (StartsAs(sent, V1Start))
            return ReadV1(sent, out length, out client);
        return ProxyHeaderState.Invalid;
    }

    private static bool StartsAs(ReadOnlySpan<byte> sent, ReadOnlySpan<byte> start)
    {
        var compared = Math.Min(sent.Length, start.Length);
        return sent[..compared].SequenceEqual(start[..compared]);
    }

    private static ProxyHeaderState ReadV1(ReadOnlySpan<byte> sent, out int length, out PeerAddress? client)
    {
        length = 0;
        client = null;
        var end = sent[..Math.Min(sent.Length, MaxV1)].IndexOf("\r\n"u8);
        if (end < 0)
            return sent.Length < MaxV1 ? ProxyHeaderState.Incomplete : ProxyHeaderState.Invalid;
        length = end + 2;
        // PROXY TCP4 192.0.2.1 192.0.2.2 56324 443
        var line = sent[..end];
        Span<Range> parts = stackalloc Range[7];
        var count = 0;
        foreach (var part in line.Split((byte)' '))
        {
            if (count == parts.Length)
                return ProxyHeaderState.Invalid;
            parts[count++] = part;
        }
        var family = count > 1 ? line[parts[1]] : [];
        if (family.SequenceEqual("UNKNOWN"u8))
            return ProxyHeaderState.Whole;
        var isV6 = family.SequenceEqual("TCP6"u8);
        if (count != 6
            || (!isV6 && !family.SequenceEqual("TCP4"u8))
            || !IPAddress.TryParse(Encoding.ASCII.GetString(line[parts[2]]), out var address)
            || address.AddressFamily != (isV6 ? System.Net.Sockets.AddressFamily.InterNetworkV6 : System.Net.Sockets.AddressFamily.InterNetwork)
            || !Utf8Parser.TryParse(line[parts[4]], out ushort port, out var digits)
            || digits != line[parts[4]].Length)
        {
            return ProxyHeaderState.Invalid;
        }
        client = new PeerAddress(new IPEndPoint(address, port));
        return ProxyHeaderState.Whole;
    }

    private static ProxyHeaderState ReadV2(ReadOnlySpan<byte> sent, out int length, out PeerAddress? client)
    {
        client = null;
        var (version, command) = (sent[12] >> 4, sent[12] & 0xF);
        var rest = BinaryPrimitives.ReadUInt16BigEndian(sent[14..]);
        length = V2Fixed + rest;
        if (version != 2 || command > 1 || length > MaxV2)
            return ProxyHeaderState.Invalid;
        if (sent.Length < length)
            return ProxyHeaderState.Incomplete;
        if (command == 0)
            return ProxyHeaderState.Whole; // LOCAL: the proxy's own, as for health checks.
        var addresses = sent[V2Fixed..length];
        switch (sent[13])
        {
            case 0x11 when addresses.Length >= 12: // TCP over IPv4: two addresses, two ports
                client = new PeerAddress(new IPEndPoint(new IPAddress(addresses[..4]), BinaryPrimitives.ReadUInt16BigEndian(addresses[8..])));
                return ProxyHeaderState.Whole;
            case 0x21 when addresses.Length >= 36:
                client = new PeerAddress(new IPEndPoint(new IPAddress(addresses[..16]), BinaryPrimitives.ReadUInt16BigEndian(addresses[32..])));
                return ProxyHeaderState.Whole;
            case 0x11 or 0x21:
                return ProxyHeaderState.Invalid;
            default:
                return ProxyHeaderState.Whole; // Unspecified, Unix, UDP: nothing that a TCP peer could have.
        }
    }
}
