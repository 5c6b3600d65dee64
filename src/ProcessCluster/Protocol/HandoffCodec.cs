using System.Buffers.Binary;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Protocol;

/// <summary>
/// The messages over the hand-off socket, as fixed bytes. Primary → worker: an offer with a descriptor: the port that the connection was
/// accepted on, the offer's number, how many received bytes the worker passes over, what else it has to know, the peer's address. Worker → primary: the offer's number and
/// why it was not taken; with no offer's number, that it shall look into the shared memory, or that a connection was closed; a connection's number, or none, with its
/// descriptor, which another worker shall have: its port and the peer's address. Primary → worker, without an answer: a bound socket with its descriptor: 0, which is no port, the request
/// that asked for it, the port, its address.
/// </summary>
internal static class HandoffCodec
{
    /// <summary>Stands for no offer in what a worker says.</summary>
    public const uint NoOffer = uint.MaxValue;

    public const int OfferHeader = 12;
    public const int SocketHeader = 12;
    public const int AnswerSize = 8;

    private const int NoPort = 0;
    private const int ReturnedHeader = 12;

    public static int WriteOffer(Span<byte> buffer, int port, uint offer, ushort skip, OfferKinds kinds, in PeerAddress peer)
    {
        BinaryPrimitives.WriteInt32LittleEndian(buffer, port);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[4..], offer);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[8..], skip);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[10..], (ushort)kinds);
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
            request = 0;
            port = 0;
            address = default;
            return false;
        }
        request = BinaryPrimitives.ReadInt32LittleEndian(message[4..]);
        port = BinaryPrimitives.ReadInt32LittleEndian(message[8..]);
        address = new PeerAddress(message[SocketHeader..]);
        return true;
    }

    /// <summary>False for a bound socket, too.</summary>
    public static bool TryReadOffer(ReadOnlySpan<byte> message, out int port, out uint offer, out ushort skip, out OfferKinds kinds, out PeerAddress peer)
    {
        if (message.Length < OfferHeader || BinaryPrimitives.ReadInt32LittleEndian(message) == NoPort)
        {
            port = 0;
            offer = 0;
            skip = 0;
            kinds = default;
            peer = default;
            return false;
        }
        port = BinaryPrimitives.ReadInt32LittleEndian(message);
        offer = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
        skip = BinaryPrimitives.ReadUInt16LittleEndian(message[8..]);
        kinds = (OfferKinds)BinaryPrimitives.ReadUInt16LittleEndian(message[10..]);
        peer = new PeerAddress(message[OfferHeader..]);
        return true;
    }

    public static void WriteAnswer(Span<byte> buffer, uint offer, OfferAnswer answer)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, offer);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[4..], (int)answer);
    }

    public static int WriteReturned(Span<byte> buffer, uint number, int port, in PeerAddress peer)
    {
        WriteAnswer(buffer, number, OfferAnswer.Returned);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[AnswerSize..], port);
        peer.Span.CopyTo(buffer[ReturnedHeader..]);
        return ReturnedHeader + peer.Length;
    }

    public static bool TryReadReturned(ReadOnlySpan<byte> message, out uint number, out int port, out PeerAddress peer)
    {
        if (message.Length < ReturnedHeader
            || BinaryPrimitives.ReadInt32LittleEndian(message[4..]) != (int)OfferAnswer.Returned)
        {
            number = 0;
            port = 0;
            peer = default;
            return false;
        }
        number = BinaryPrimitives.ReadUInt32LittleEndian(message);
        port = BinaryPrimitives.ReadInt32LittleEndian(message[AnswerSize..]);
        peer = new PeerAddress(message[ReturnedHeader..]);
        return true;
    }

    public static bool TryReadAnswer(ReadOnlySpan<byte> message, out uint offer, out OfferAnswer answer)
    {
        if (message.Length != AnswerSize)
        {
            offer = 0;
            answer = default;
            return false;
        }
        offer = BinaryPrimitives.ReadUInt32LittleEndian(message);
        answer = (OfferAnswer)BinaryPrimitives.ReadInt32LittleEndian(message[4..]);
        return answer is >= OfferAnswer.Refused and <= OfferAnswer.BoardChanged or OfferAnswer.Exhausted;
    }
}

/// <summary>The properties of an offered connection.</summary>
[Flags]
internal enum OfferKinds : ushort
{
    None = 0,

    /// <summary>It was another worker's, and is idle.</summary>
    Moved = 1,

    /// <summary>The primary keeps its copy for as long as the worker has the connection, and wants to know what goes on on it (<see cref="Board"/>).</summary>
    Kept = 2,
}

/// <summary>The answer of a worker to an offer.</summary>
internal enum OfferAnswer
{
    /// <summary>It does not listen there any more.</summary>
    Refused,

    /// <summary>Its program wants no more for now.</summary>
    Declined,

    /// <summary>To no offer: it has closed a connection, which the primary wanted to know.</summary>
    RoomAvailable,

    /// <summary>To no offer: which ones its program has, and which of these it has closed, is in the memory that the two share (<see cref="Board"/>).</summary>
    BoardChanged,

    /// <summary>Of a connection that it has served, or of none that has a number: for another worker. Longer than an answer.</summary>
    Returned,

    /// <summary>Its process has no descriptor left: it takes none for now.</summary>
    Exhausted,
}
