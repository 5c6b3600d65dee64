using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>
/// A <c>sockaddr</c> as <c>accept4</c> gives it and <c>sendto</c> takes it, without an allocation. Empty for Unix domain sockets, whose
/// peers have no name.
/// </summary>
internal struct PeerAddress
{
    public const int MaxLength = 28; // sizeof(struct sockaddr_in6)

    private Bytes _bytes;
    private int _length;

    [InlineArray(MaxLength)]
    private struct Bytes
    {
        private byte _first;
    }

    public readonly int Length => _length;

    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Span => ((ReadOnlySpan<byte>)_bytes)[.._length];

    private static ReadOnlySpan<byte> MappedStart => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF];

    /// <summary>The address alone: 4 bytes, or 16, where it is none of IPv4 that came over IPv6; empty when there is none.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Address
    {
        get
        {
            if (!IsIP)
                return [];
            if (_length < MaxLength)
                return Span.Slice(4, 4);
            var address = Span.Slice(8, 16);
            return address.StartsWith(MappedStart) ? address[12..] : address;
        }
    }

    public readonly int Port => IsIP ? BinaryPrimitives.ReadUInt16BigEndian(Span[2..]) : 0;

    /// <summary>Gets whether it is a whole address of IPv4 or IPv6.</summary>
    public readonly bool IsIP => _length >= 16 && (BitConverter.ToUInt16(Span), _length) is (Libc.AF_INET, _) or (Libc.AF_INET6, MaxLength);

    public PeerAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxLength)
            bytes = [];
        bytes.CopyTo(_bytes);
        _length = bytes.Length;
    }

    public PeerAddress(IPEndPoint endPoint)
    {
        Span<byte> bytes = _bytes;
        var isV6 = endPoint.AddressFamily == AddressFamily.InterNetworkV6;
        BitConverter.TryWriteBytes(bytes, (ushort)(isV6 ? Libc.AF_INET6 : Libc.AF_INET));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        endPoint.Address.TryWriteBytes(bytes[(isV6 ? 8 : 4)..], out _);
        if (isV6)
            BitConverter.TryWriteBytes(bytes[24..], (uint)endPoint.Address.ScopeId);
        _length = isV6 ? MaxLength : 16; // sizeof(struct sockaddr_in)
    }

    /// <summary>The address as .NET writes it; null when there is none.</summary>
    public readonly IPEndPoint? ToEndPoint() => Parse(Span);

    public static IPEndPoint? Parse(ReadOnlySpan<byte> address)
    {
        if (address.Length < 8)
            return null;
        var family = BitConverter.ToUInt16(address);
        var port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return family switch
        {
            Libc.AF_INET => new IPEndPoint(new IPAddress(address.Slice(4, 4)), port),
            Libc.AF_INET6 when address.Length >= 28 => new IPEndPoint(
                new IPAddress(address.Slice(8, 16), BitConverter.ToUInt32(address[24..])), port),
            _ => null,
        };
    }
}
