using System.Buffers.Binary;
using ProcessCluster.Platform;

namespace ProcessCluster.Wire;

/// <summary>
/// What goes over the hand-off socket, as fixed bytes. Primary → worker: an offer with a descriptor: the port that the connection was
/// accepted on, the offer's number, the peer's address. Worker → primary: the offer's number and whether it was taken.
/// </summary>
internal static class Handoff
{
    public const int OfferHeader = 8;
    public const int AnswerSize = 8;

    public static int WriteOffer(Span<byte> buffer, int port, uint offer, in PeerAddress peer)
    {
        BinaryPrimitives.WriteInt32LittleEndian(buffer, port);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[4..], offer);
        peer.Span.CopyTo(buffer[OfferHeader..]);
        return OfferHeader + peer.Length;
    }

    public static bool TryReadOffer(ReadOnlySpan<byte> message, out int port, out uint offer, out PeerAddress peer)
    {
        if (message.Length < OfferHeader)
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
