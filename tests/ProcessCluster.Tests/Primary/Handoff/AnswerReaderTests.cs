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
    public void Bytes_that_mean_nothing_are_a_fault(int length) => HandoffBench.Run(bench =>
    {
        bench.Offer(bench.AddPort());
        bench.Worker.Send(new byte[length]);
        bench.Read();
        Assert.Equal([$"it answered an offer in {length} bytes that mean nothing."], bench.Faults);
    });

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(-1)]
    public void An_answer_that_there_is_not_is_a_fault(int answer) => HandoffBench.Run(bench =>
    {
        bench.Offer(bench.AddPort());
        bench.Worker.Answer(bench.Worker.Take().Number, (OfferAnswer)answer);
        bench.Read();
        Assert.Equal(["it answered an offer in 8 bytes that mean nothing."], bench.Faults);
    });

    [Fact]
    public void A_message_that_is_too_long_is_a_fault() => HandoffBench.Run(bench =>
    {
        bench.Worker.Send(new byte[HandoffSocket.MaxMessage + 1]);
        bench.Read();
        Assert.Equal([$"it sent a message of more than {HandoffSocket.MaxMessage} bytes, or with more than one descriptor, over its hand-off socket."], bench.Faults);
    });

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(1u << Board.IndexBits)]
    [InlineData((uint)Board.IndexMask)]
    [InlineData(HandoffCodec.NoOffer)]
    public void An_answer_to_no_offer_is_a_fault(uint number) => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        if (number != 0)
            bench.Offer(port); // It has the number 0.
        bench.Worker.Answer(number, OfferAnswer.Declined);
        bench.Read();
        Assert.Equal(["it answered an offer that was not made."], bench.Faults);
        Assert.Equal("added, removed", port.Heard());
    });

    [Fact]
    public void A_second_answer_to_an_offer_is_a_fault() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        bench.Offer(port);
        bench.Offer(port);
        var offer = bench.Worker.Take();
        bench.Worker.Refuse(offer, OfferAnswer.Declined);
        bench.Worker.Answer(offer.Number, OfferAnswer.Declined);
        bench.Read();
        Assert.Equal(["it answered an offer that was not made."], bench.Faults);
        Assert.Equal("added, taken back, declined, served, removed", port.Heard());
    });

    [Fact]
    public void An_answer_after_the_connection_was_taken_is_a_fault() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Read();
            bench.Worker.Answer(offer.Number, OfferAnswer.Refused);
            bench.Read();
            Assert.Equal(["it answered an offer that was not made."], bench.Faults);
            Assert.Equal("added, answered, removed", port.Heard());
        },
        keeps: true);

    [Fact]
    public void After_a_fault_nothing_is_read_or_offered() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        var first = bench.Offer(port);
        bench.Worker.Send([1]);
        bench.Worker.Refuse(bench.Worker.Take());
        bench.Read();
        bench.Read();
        Assert.Single(bench.Faults);
        var second = bench.NewConnection();
        Assert.False(bench.Channel.TryOffer(port.Candidate!, second.Pending));
        bench.Close();
        Assert.Equal([first.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Single(bench.Faults);
        Descriptor.Close(second.Pending.Descriptor);
    });

    [Fact]
    public void A_connection_from_a_worker_that_was_given_none_is_a_fault() => HandoffBench.Run(bench =>
    {
        using var file = new NamedFile();
        bench.Offer(bench.AddPort());
        bench.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number);
        bench.Read();
        Assert.Equal([TooManyReturned], bench.Faults);
        Assert.Empty(bench.GivenBack);
        Assert.Equal(1, file.Copies);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void More_connections_than_the_worker_was_given_are_a_fault(bool keeps) => HandoffBench.Run(
        bench =>
        {
            using var file = new NamedFile();
            var port = bench.AddPort();
            bench.Offer(port);
            bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number);
            if (keeps)
                bench.Worker.Return(offer.Number, offer.Port, offer.Socket); // It was given this one, but no other.
            bench.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number);
            bench.Read();
            bench.Read();
            Assert.Equal([TooManyReturned], bench.Faults);
            Assert.Equal(keeps ? 2 : 1, bench.GivenBack.Count);
            Assert.Equal(2, file.Copies);
        },
        keeps);

    [Fact]
    public void A_kept_connection_goes_on_with_the_peer_that_the_primary_knows() => HandoffBench.Run(
        bench =>
        {
            var connection = bench.Offer(bench.AddPort(7));
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Worker.Return(offer.Number, 8, offer.Socket, new PeerAddress(IPEndPoint.Parse("127.0.0.1:1")));
            bench.Read();
            bench.Read();
            var (port, descriptor, peer) = Assert.Single(bench.GivenBack);
            Assert.Equal((7, connection.Pending.Descriptor), (port, descriptor));
            Assert.Equal(connection.Pending.Peer.ToEndPoint(), peer.ToEndPoint());
            Assert.Empty(bench.Faults);
        },
        keeps: true);

    [Fact]
    public void A_connection_that_is_given_back_before_it_was_claimed_counts_as_taken() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Return(offer.Number, offer.Port, offer.Socket);
            bench.Read();
            Assert.Equal("added, answered", port.Heard());
            Assert.Single(bench.GivenBack);
            Assert.Empty(bench.Faults);
        },
        keeps: true);

    [Fact]
    public void A_connection_that_came_without_a_descriptor_is_told_as_one_that_is_lost() => HandoffBench.Run(bench =>
    {
        bench.Offer(bench.AddPort());
        bench.Worker.Claim(bench.Worker.Take());
        bench.Read();
        bench.Worker.Send(Returned(HandoffCodec.NoOffer));
        bench.Read();
        Assert.Equal(-1, Assert.Single(bench.GivenBack).Descriptor);
        Assert.Empty(bench.Faults);
    });

    [Theory]
    [InlineData((int)OfferAnswer.BoardChanged)]
    [InlineData((int)OfferAnswer.RoomAvailable)]
    public void Too_many_messages_that_say_nothing_are_a_fault(int answer) => HandoffBench.Run(bench =>
    {
        bench.Offer(bench.AddPort());
        Say(10_000);
        Assert.Empty(bench.Faults);
        bench.Time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Say(1_000);
        Assert.Empty(bench.Faults);
        Say(1);
        Assert.Equal([NeedlessMessages], bench.Faults);

        void Say(int count)
        {
            for (var i = 0; i < count; i++)
            {
                bench.Worker.Answer(HandoffCodec.NoOffer, (OfferAnswer)answer);
                bench.Read();
            }
        }
    });

    [Fact]
    public void Room_after_each_connection_is_news_however_often() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        for (var i = 0; i < 12_000; i++)
        {
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Read();
            offer.Socket.Dispose();
            bench.Forget(connection);
            bench.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
            bench.Read();
        }
        Assert.Empty(bench.Faults);
    });

    [Fact]
    public void Connections_of_long_ago_do_not_excuse_a_flood() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        for (var i = 0; i < 25_000; i++)
        {
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Read();
            offer.Socket.Dispose();
            bench.Forget(connection);
        }
        var rooms = 0;
        while (bench.Faults.Count == 0)
        {
            bench.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
            bench.Read();
            rooms++;
        }
        Assert.Equal(20_001, rooms);
        Assert.Equal([NeedlessMessages], bench.Faults);
    });

    [Fact]
    public void Random_messages_are_faults_and_leave_nothing()
    {
        const int Seed = 4711;
        var random = new Random(Seed);
        for (var round = 0; round < 100; round++)
        {
            HandoffBench.Run(
                bench =>
                {
                    using var file = new NamedFile();
                    var port = bench.AddPort();
                    bench.Offer(port);
                    bench.Offer(port);
                    bench.Worker.Claim(bench.Worker.Take());
                    for (var i = 0; i < 20; i++)
                    {
                        var message = new byte[random.Next(1, HandoffSocket.MaxMessage + 4)];
                        random.NextBytes(message);
                        if (message.Length >= HandoffCodec.AnswerSize && random.Next(4) > 0)
                        {
                            BinaryPrimitives.WriteUInt32LittleEndian(message, random.Next(3) == 0 ? HandoffCodec.NoOffer : (uint)random.Next(3));
                            BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), random.Next(7));
                        }
                        bench.Worker.Send(message, Enumerable.Repeat(file.Number, random.Next(3)).ToArray());
                        bench.Read();
                    }
                    Assert.True(bench.Faults.Count <= 1, $"Round {round} of seed {Seed}: {string.Join(' ', bench.Faults)}");
                    Assert.Equal(1 + bench.GivenBack.Count(given => given.Descriptor >= 0 && file.IsCopy(given.Descriptor)), file.Copies);
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
