using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Protocol;

public sealed class HandoffCodecTests
{
    [Theory]
    [InlineData(-1, 0u, 0)]
    [InlineData(1, 2u, 16)]
    [InlineData(int.MaxValue, uint.MaxValue, PeerAddress.MaxLength)]
    [InlineData(int.MinValue, 1u, 1)]
    public void An_offer_is_read_as_it_was_written(int port, uint offer, int peerLength)
    {
        var peer = new PeerAddress(Bytes(peerLength));
        var message = new byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteOffer(message, port, offer, 7, OfferKinds.Kept, peer);
        Assert.Equal(HandoffCodec.OfferHeader + peerLength, length);
        Assert.True(HandoffCodec.TryReadOffer(message.AsSpan(0, length), out var readPort, out var readOffer, out var skip, out var kinds, out var readPeer));
        Assert.Equal((port, offer, (ushort)7, OfferKinds.Kept), (readPort, readOffer, skip, kinds));
        Assert.Equal(Bytes(peerLength), readPeer.Span.ToArray());
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 2, 16)]
    [InlineData(int.MaxValue, int.MinValue, PeerAddress.MaxLength)]
    public void A_bound_socket_is_read_as_it_was_written_and_is_no_offer(int request, int port, int addressLength)
    {
        var message = new byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteSocket(message, request, port, new PeerAddress(Bytes(addressLength)));
        Assert.Equal(HandoffCodec.SocketHeader + addressLength, length);
        Assert.True(HandoffCodec.TryReadSocket(message.AsSpan(0, length), out var readRequest, out var readPort, out var address));
        Assert.Equal((request, port), (readRequest, readPort));
        Assert.Equal(Bytes(addressLength), address.Span.ToArray());
        Assert.False(HandoffCodec.TryReadOffer(message.AsSpan(0, length), out _, out _, out _, out _, out _));
    }

    [Fact]
    public void An_offer_is_no_bound_socket()
    {
        var message = new byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteOffer(message, 1, 2, 0, OfferKinds.None, new PeerAddress(Bytes(16)));
        Assert.False(HandoffCodec.TryReadSocket(message.AsSpan(0, length), out _, out _, out _));
    }

    [Theory]
    [InlineData(0u, 0)]
    [InlineData(7u, 1)]
    [InlineData(8u, 2)]
    [InlineData(uint.MaxValue, 3)]
    public void An_answer_is_read_as_it_was_written(uint offer, int answer)
    {
        var message = new byte[HandoffCodec.AnswerSize];
        HandoffCodec.WriteAnswer(message, offer, (OfferAnswer)answer);
        Assert.True(HandoffCodec.TryReadAnswer(message, out var readOffer, out var readAnswer));
        Assert.Equal((offer, (OfferAnswer)answer), (readOffer, readAnswer));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(28)]
    public void A_connection_that_is_given_back_is_read_as_it_was_written_and_is_no_answer(int address)
    {
        var message = new byte[HandoffSocket.MaxMessage];
        var peer = new PeerAddress(Bytes(address));
        var length = HandoffCodec.WriteReturned(message, 5, 7, peer);
        Assert.True(HandoffCodec.TryReadReturned(message.AsSpan(0, length), out var number, out var port, out var readPeer));
        Assert.Equal((5u, 7), (number, port));
        Assert.Equal(peer.Span, readPeer.Span);
        Assert.False(HandoffCodec.TryReadAnswer(message.AsSpan(0, length), out _, out _));
        Assert.False(HandoffCodec.TryReadReturned(message.AsSpan(0, HandoffCodec.AnswerSize), out _, out _, out _));
        HandoffCodec.WriteAnswer(message, HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
        Assert.False(HandoffCodec.TryReadReturned(message.AsSpan(0, length), out _, out _, out _));
    }

    [Fact]
    public void Messages_of_a_wrong_length_are_refused()
    {
        for (var length = 0; length <= HandoffSocket.MaxMessage; length++)
        {
            Assert.Equal(length >= HandoffCodec.OfferHeader, HandoffCodec.TryReadOffer(Bytes(length), out _, out _, out _, out _, out _));
            Assert.Equal(length >= HandoffCodec.SocketHeader, HandoffCodec.TryReadSocket(new byte[length], out _, out _, out _));
            Assert.Equal(length == HandoffCodec.AnswerSize, HandoffCodec.TryReadAnswer(new byte[length], out _, out _));
        }
    }

    [Fact]
    public void An_address_that_is_too_long_is_none()
    {
        Assert.True(HandoffCodec.TryReadOffer(Bytes(HandoffCodec.OfferHeader + PeerAddress.MaxLength + 1), out _, out _, out _, out _, out var peer));
        Assert.Equal(0, peer.Length);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(255)]
    public void An_answer_that_means_nothing_is_none(byte answer) => Assert.False(HandoffCodec.TryReadAnswer([5, 0, 0, 0, answer, 0, 0, 0], out _, out _));

    [Fact]
    public void Random_messages_are_read_or_refused_and_nothing_else()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        var message = new byte[HandoffSocket.MaxMessage];
        for (var i = 0; i < 100_000; i++)
        {
            random.NextBytes(message);
            var bytes = message.AsSpan(0, random.Next(message.Length + 1));
            if (bytes.Length > 13)
                (bytes[12], bytes[13]) = ((byte)random.Next(12), 0); // Often a family that exists.
            try
            {
                if (HandoffCodec.TryReadOffer(bytes, out _, out _, out _, out _, out var peer))
                    peer.ToEndPoint();
                bytes[..Math.Min(4, bytes.Length)].Clear(); // Port 0: a bound socket.
                if (HandoffCodec.TryReadSocket(bytes, out _, out _, out var address))
                    address.ToEndPoint();
                HandoffCodec.TryReadAnswer(bytes, out _, out _);
                HandoffCodec.TryReadReturned(bytes, out _, out _, out _);
            }
            catch (Exception exception)
            {
                Assert.Fail($"Message {i} of seed {Seed} ({Convert.ToHexString(bytes)}): {exception}");
            }
        }
    }

    [Fact]
    public void Writing_and_reading_allocate_nothing()
    {
        var peer = new PeerAddress(Bytes(16));
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var sum = 0L;
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0u; i < 1_000; i++)
            {
                var length = HandoffCodec.WriteOffer(message, 1, i, 0, OfferKinds.None, peer);
                if (HandoffCodec.TryReadOffer(message[..length], out var port, out var offer, out _, out _, out var read))
                    sum += port + offer + read.Length;
                HandoffCodec.WriteAnswer(message, i, OfferAnswer.Declined);
                if (HandoffCodec.TryReadAnswer(message[..HandoffCodec.AnswerSize], out offer, out _))
                    sum += offer;
            }
            if (round > 0) // The first round compiles.
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(2 * ((17 * 1_000) + (999 * 1_000)), sum);
    }

    private static byte[] Bytes(int count) => [.. Enumerable.Range(1, count).Select(i => (byte)i)];
}
