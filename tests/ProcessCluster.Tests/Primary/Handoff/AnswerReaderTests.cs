using System.Buffers.Binary;
using System.Net;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>Messages of a worker that does not keep to the protocol. Each ends the reading with a fault in words, and no descriptor stays.</summary>
public sealed class AnswerReaderTests
{
    private const string TooManyReturned = "it gave back more connections than it was given.";
    private const string NeedlessMessages = "it sent more than 1000 messages a second that say nothing over its hand-off socket.";

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(HandoffSocket.MaxMessage)]
    public void Bytes_that_mean_nothing_are_a_fault(int length) => HandoffFixture.Run(fixture =>
    {
        fixture.Offer(fixture.AddPort());
        fixture.Worker.Send(new byte[length]);
        fixture.Read();
        Assert.Equal([$"it answered an offer in {length} bytes that mean nothing."], fixture.Faults);
    });

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(-1)]
    public void An_answer_that_there_is_not_is_a_fault(int answer) => HandoffFixture.Run(fixture =>
    {
        fixture.Offer(fixture.AddPort());
        fixture.Worker.Answer(fixture.Worker.Take().Number, (OfferAnswer)answer);
        fixture.Read();
        Assert.Equal(["it answered an offer in 8 bytes that mean nothing."], fixture.Faults);
    });

    [Fact]
    public void A_message_that_is_too_long_is_a_fault() => HandoffFixture.Run(fixture =>
    {
        fixture.Worker.Send(new byte[HandoffSocket.MaxMessage + 1]);
        fixture.Read();
        Assert.Equal([$"it sent a message of more than {HandoffSocket.MaxMessage} bytes, or with more than one descriptor, over its hand-off socket."], fixture.Faults);
    });

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(1u << Board.IndexBits)]
    [InlineData((uint)Board.IndexMask)]
    [InlineData(HandoffCodec.NoOffer)]
    public void An_answer_to_no_offer_is_a_fault(uint number) => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        if (number != 0)
            fixture.Offer(port); // It has the number 0.
        fixture.Worker.Answer(number, OfferAnswer.Declined);
        fixture.Read();
        Assert.Equal(["it answered an offer that was not made."], fixture.Faults);
        Assert.Equal("added, removed", port.Heard());
    });

    [Fact]
    public void A_second_answer_to_an_offer_is_a_fault() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        fixture.Offer(port);
        fixture.Offer(port);
        var offer = fixture.Worker.Take();
        fixture.Worker.Refuse(offer, OfferAnswer.Declined);
        fixture.Worker.Answer(offer.Number, OfferAnswer.Declined);
        fixture.Read();
        Assert.Equal(["it answered an offer that was not made."], fixture.Faults);
        Assert.Equal("added, taken back, declined, served, removed", port.Heard());
    });

    [Fact]
    public void An_answer_after_the_connection_was_taken_is_a_fault() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Read();
            fixture.Worker.Answer(offer.Number, OfferAnswer.Refused);
            fixture.Read();
            Assert.Equal(["it answered an offer that was not made."], fixture.Faults);
            Assert.Equal("added, answered, removed", port.Heard());
        },
        keeps: true);

    [Fact]
    public void After_a_fault_nothing_is_read_or_offered() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        var first = fixture.Offer(port);
        fixture.Worker.Send([1]);
        fixture.Worker.Refuse(fixture.Worker.Take());
        fixture.Read();
        fixture.Read();
        Assert.Single(fixture.Faults);
        var second = fixture.NewConnection();
        Assert.False(fixture.Channel.TryOffer(port.Candidate!, second.Pending));
        fixture.Close();
        Assert.Equal([first.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Single(fixture.Faults);
        Descriptor.Close(second.Pending.Descriptor);
    });

    [Fact]
    public void A_connection_from_a_worker_that_was_given_none_is_a_fault() => HandoffFixture.Run(fixture =>
    {
        using var file = new NamedFile();
        fixture.Offer(fixture.AddPort());
        fixture.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number);
        fixture.Read();
        Assert.Equal([TooManyReturned], fixture.Faults);
        Assert.Empty(fixture.GivenBack);
        Assert.Equal(1, file.Copies);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void More_connections_than_the_worker_was_given_are_a_fault(bool keeps) => HandoffFixture.Run(
        fixture =>
        {
            using var file = new NamedFile();
            var port = fixture.AddPort();
            fixture.Offer(port);
            fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number);
            if (keeps)
                fixture.Worker.Return(offer.Number, offer.Port, offer.Socket); // It was given this one, but no other.
            fixture.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number);
            fixture.Read();
            fixture.Read();
            Assert.Equal([TooManyReturned], fixture.Faults);
            Assert.Equal(keeps ? 2 : 1, fixture.GivenBack.Count);
            Assert.Equal(2, file.Copies);
        },
        keeps);

    [Fact]
    public void A_kept_connection_goes_on_with_the_peer_that_the_primary_knows() => HandoffFixture.Run(
        fixture =>
        {
            var connection = fixture.Offer(fixture.AddPort(7));
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Worker.Return(offer.Number, 8, offer.Socket, new PeerAddress(IPEndPoint.Parse("127.0.0.1:1")));
            fixture.Read();
            fixture.Read();
            var (port, descriptor, peer) = Assert.Single(fixture.GivenBack);
            Assert.Equal((7, connection.Pending.Descriptor), (port, descriptor));
            Assert.Equal(connection.Pending.Peer.ToEndPoint(), peer.ToEndPoint());
            Assert.Empty(fixture.Faults);
        },
        keeps: true);

    [Fact]
    public void A_connection_that_is_given_back_before_it_was_claimed_counts_as_taken() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Return(offer.Number, offer.Port, offer.Socket);
            fixture.Read();
            Assert.Equal("added, answered", port.Heard());
            Assert.Single(fixture.GivenBack);
            Assert.Empty(fixture.Faults);
        },
        keeps: true);

    [Fact]
    public void A_connection_that_came_without_a_descriptor_is_told_as_one_that_is_lost() => HandoffFixture.Run(fixture =>
    {
        fixture.Offer(fixture.AddPort());
        fixture.Worker.Claim(fixture.Worker.Take());
        fixture.Read();
        fixture.Worker.Send(Returned(HandoffCodec.NoOffer));
        fixture.Read();
        Assert.Equal(-1, Assert.Single(fixture.GivenBack).Descriptor);
        Assert.Empty(fixture.Faults);
    });

    [Theory]
    [InlineData((int)OfferAnswer.BoardChanged)]
    [InlineData((int)OfferAnswer.RoomAvailable)]
    public void Too_many_messages_that_say_nothing_are_a_fault(int answer) => HandoffFixture.Run(fixture =>
    {
        fixture.Offer(fixture.AddPort());
        Say(10_000);
        Assert.Empty(fixture.Faults);
        fixture.Time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Say(1_000);
        Assert.Empty(fixture.Faults);
        Say(1);
        Assert.Equal([NeedlessMessages], fixture.Faults);

        void Say(int count)
        {
            for (var i = 0; i < count; i++)
            {
                fixture.Worker.Answer(HandoffCodec.NoOffer, (OfferAnswer)answer);
                fixture.Read();
            }
        }
    });

    [Fact]
    public void Room_after_each_connection_is_news_however_often() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        for (var i = 0; i < 12_000; i++)
        {
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Read();
            offer.Socket.Dispose();
            fixture.Forget(connection);
            fixture.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
            fixture.Read();
        }
        Assert.Empty(fixture.Faults);
    });

    [Fact]
    public void Connections_of_long_ago_do_not_excuse_a_flood() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        for (var i = 0; i < 25_000; i++)
        {
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Read();
            offer.Socket.Dispose();
            fixture.Forget(connection);
        }
        var rooms = 0;
        while (fixture.Faults.Count == 0)
        {
            fixture.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
            fixture.Read();
            rooms++;
        }
        Assert.Equal(20_001, rooms);
        Assert.Equal([NeedlessMessages], fixture.Faults);
    });

    [Fact]
    public void Random_messages_are_faults_and_leave_nothing()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        for (var round = 0; round < 100; round++)
        {
            HandoffFixture.Run(
                fixture =>
                {
                    using var file = new NamedFile();
                    var port = fixture.AddPort();
                    fixture.Offer(port);
                    fixture.Offer(port);
                    fixture.Worker.Claim(fixture.Worker.Take());
                    for (var i = 0; i < 20; i++)
                    {
                        var message = new byte[random.Next(1, HandoffSocket.MaxMessage + 4)];
                        random.NextBytes(message);
                        if (message.Length >= HandoffCodec.AnswerSize && random.Next(4) > 0)
                        {
                            BinaryPrimitives.WriteUInt32LittleEndian(message, random.Next(3) == 0 ? HandoffCodec.NoOffer : (uint)random.Next(3));
                            BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), random.Next(7));
                        }
                        fixture.Worker.Send(message, Enumerable.Repeat(file.Number, random.Next(3)).ToArray());
                        fixture.Read();
                    }
                    Assert.True(fixture.Faults.Count <= 1, $"Round {round} of seed {Seed}: {string.Join(' ', fixture.Faults)}");
                    Assert.Equal(1 + fixture.GivenBack.Count(given => given.Descriptor >= 0 && file.IsCopy(given.Descriptor)), file.Copies);
                },
                keeps: random.Next(2) == 0);
        }
    }

    private static byte[] Returned(uint number)
    {
        var message = new byte[HandoffSocket.MaxMessage];
        return message[..HandoffCodec.WriteReturned(message, number, 7, default)];
    }
}
