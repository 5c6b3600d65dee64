using System.Buffers.Binary;
using ProcessCluster.Platform;

namespace ProcessCluster.Wire;

/// <summary>
/// What goes over the hand-off socket, as fixed bytes. Primary → worker: an offer with a descriptor: the port that the connection was
/// accepted on, the offer's number, the peer's address. Worker → primary: the offer's number and whether it was taken. Primary → worker,
/// without an answer: a bound socket with its descriptor: 0, which is no port, the request that asked for it, the port, its address.
/// </summary>
internal static class Handoff
{
    public const int OfferHeader = 8;
    public const int SocketHeader = 12;
    public const int AnswerSize = 8;

    private const int NoPort = 0;

    public static int WriteOffer(Span<byte> buffer, int port, uint offer, in PeerAddress peer)
    {
        BinaryPrimitives.WriteInt32LittleEndian(buffer, port);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[4..], offer);
        peer.Span.CopyTo(buffer[OfferHeader..]);
        return OfferHeader + peer.Length;
    }

    public static int WriteSocket(Span<byte> buffer, int request, int port, in PeerAddress address)
    {
        BinaryPrimitives.WriteInt32LittleEndian(buffer, NoPort);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[4..], request);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[8..], port);
        address.Span.CopyTo(buffer[SocketHeader..]);
        return SocketHeader + address.Length;
    }

    public static bool TryReadSocket(ReadOnlySpan<byte> message, out int request, out int port, out PeerAddress address)
    {
        if (message.Length < SocketHeader || BinaryPrimitives.ReadInt32LittleEndian(message) != NoPort)
        {
            (request, port, address) = (0, 0, default);
            return false;
        }
        request = BinaryPrimitives.ReadInt32LittleEndian(message[4..]);
        port = BinaryPrimitives.ReadInt32LittleEndian(message[8..]);
        address = new PeerAddress(message[SocketHeader..]);
        return true;
    }

    /// <summary>False for a bound socket, too.</summary>
    public static bool TryReadOffer(ReadOnlySpan<byte> message, out int port, out uint offer, out PeerAddress peer)
    {
        if (message.Length < OfferHeader || BinaryPrimitives.ReadInt32LittleEndian(message) == NoPort)
        {
            (port, offer, peer) = (0, 0, default);
            return false;
        }
        port = BinaryPrimitives.ReadInt32LittleEndian(message);
        offer = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
        peer = new PeerAddress(message[OfferHeader..]);
        return true;
    }

    public static void WriteAnswer(Span<byte> buffer, uint offer, bool accepted)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, offer);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[4..], accepted ? 1 : 0);
    }

    public static bool TryReadAnswer(ReadOnlySpan<byte> message, out uint offer, out bool accepted)
    {
        if (message.Length != AnswerSize)
        {
            (offer, accepted) = (0, false);
            return false;
        }
        offer = BinaryPrimitives.ReadUInt32LittleEndian(message);
        accepted = BinaryPrimitives.ReadInt32LittleEndian(message[4..]) == 1;
        return true;
    }
}
