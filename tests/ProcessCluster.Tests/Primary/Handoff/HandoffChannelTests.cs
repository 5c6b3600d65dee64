using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>Offers, and the answers of a worker that keeps to the protocol.</summary>
public sealed class HandoffChannelTests
{
    [Fact]
    public void An_offer_reaches_the_worker_with_its_connection() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort(7);
        var connection = bench.NewConnection(skip: 5);
        Assert.True(bench.Channel.TryOffer(port.Candidate!, connection.Pending));
        var offer = bench.Worker.Take();
        Assert.Equal((7, (ushort)5, OfferKinds.None), (offer.Port, offer.Skip, offer.Kinds));
        Assert.Equal(connection.Pending.Peer.ToEndPoint(), offer.Peer.ToEndPoint());
        connection.Say(42);
        var buffer = new byte[1];
        Assert.True(StreamSocket.TryReceive(offer.Socket, buffer, out _));
        Assert.Equal(42, buffer[0]);
        Assert.True(bench.Channel.HasOffers);
    });

    [Fact]
    public void The_worker_learns_that_a_connection_was_another_ones_and_that_a_copy_is_kept() => HandoffBench.Run(
        bench =>
        {
            bench.Offer(bench.AddPort(), isMoved: true);
            Assert.Equal(OfferKinds.Moved | OfferKinds.Kept, bench.Worker.Take().Kinds);
        },
        keeps: true);

    [Fact]
    public void A_claimed_connection_is_the_workers_alone() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        var connection = bench.Offer(port);
        var offer = bench.Worker.Take();
        bench.Worker.Claim(offer);
        bench.Read();
        Assert.Equal("added, answered", port.Heard());
        Assert.False(bench.Channel.HasOffers);
        Assert.False(connection.IsClosed);
        offer.Socket.Dispose();
        Assert.True(connection.IsClosed);
    });

    [Fact]
    public void A_copy_of_a_kept_connection_stays_until_the_worker_closes_it() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Read();
            Assert.Equal("added, answered", port.Heard());
            offer.Socket.Dispose();
            Assert.False(connection.IsClosed);
            Assert.Equal(1, bench.Failover.Kept);
            bench.Worker.Close(offer);
            bench.Read();
            Assert.True(connection.IsClosed);
            Assert.Equal(0, bench.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void A_connection_that_was_claimed_and_closed_at_once_is_counted_and_let_go() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Worker.Close(offer);
            bench.Read();
            Assert.Equal("added, answered", port.Heard());
            Assert.True(connection.IsClosed);
            Assert.False(bench.Channel.HasOffers);
        },
        keeps: true);

    [Fact]
    public void Past_the_limit_of_copies_none_is_kept() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            bench.Offer(port);
            var second = bench.Offer(port);
            Assert.Equal(OfferKinds.Kept, bench.Worker.Take().Kinds);
            var offer = bench.Worker.Take();
            Assert.Equal(OfferKinds.None, offer.Kinds);
            bench.Worker.Claim(offer);
            bench.Read();
            offer.Socket.Dispose();
            Assert.True(second.IsClosed);
        },
        keeps: true,
        maxKept: 1);

    [Fact]
    public void A_refused_port_is_offered_no_more_and_its_connection_waits_for_others() => HandoffBench.Run(
        bench =>
        {
            var (refused, other) = (bench.AddPort(1), bench.AddPort(2));
            var connection = bench.Offer(refused);
            bench.Worker.Refuse(bench.Worker.Take());
            bench.Read();
            Assert.Equal("added, taken back, removed, answered", refused.Heard());
            Assert.Equal("added", other.Heard());
            Assert.Equal([connection.Pending.Descriptor], refused.Waiting.Select(static waits => waits.Descriptor));
            Assert.Equal(0, bench.Failover.Kept);
            bench.Channel.RemovePort(refused);
            Assert.Equal("", refused.Heard());
        },
        keeps: true);

    [Fact]
    public void A_declined_connection_waits_for_others_and_the_worker_is_asked_again_when_it_has_room() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        var (taken, declined) = (bench.Offer(port), bench.Offer(port));
        bench.Worker.Claim(bench.Worker.Take());
        bench.Worker.Refuse(bench.Worker.Take(), OfferAnswer.Declined);
        bench.Read();
        Assert.Equal("added, answered, taken back, declined, served", port.Heard());
        Assert.Equal([declined.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
        Assert.False(taken.IsClosed);
        Assert.True(bench.Worker.Board.ConnectionClosed(), "No notice of room was asked for.");
        Assert.False(bench.Worker.Board.ConnectionClosed(), "A second notice was asked for.");
        bench.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
        bench.Read();
        Assert.Equal("room", port.Heard());
        Assert.Equal(0, bench.Lacks);
    });

    [Fact]
    public void A_lack_of_descriptors_is_reported_once_until_it_is_over() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        foreach (var (pause, reported) in new[] { (0.0, 1), (0.5, 1), (0.9, 1), (1.0, 2) })
        {
            bench.Time.Advance(TimeSpan.FromSeconds(pause), static () => { });
            bench.Offer(port);
            bench.Worker.Refuse(bench.Worker.Take(), OfferAnswer.Exhausted);
            bench.Read();
            Assert.EndsWith("taken back, declined, served", port.Heard(), StringComparison.Ordinal);
            Assert.Equal(reported, bench.Lacks);
        }
    });

    [Fact]
    public void Without_a_free_number_nothing_is_offered() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            bench.Offer(port);
            var second = bench.Offer(port);
            var third = bench.NewConnection();
            Assert.False(bench.Channel.TryOffer(port.Candidate!, third.Pending));
            bench.Worker.Take();
            bench.Worker.Refuse(bench.Worker.Take());
            Assert.Null(bench.Worker.TryTake());
            bench.Read();
            Assert.Equal([second.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
            Assert.True(bench.Channel.TryOffer(port.Candidate!, third.Pending));
        },
        keeps: true,
        capacity: 2);

    [Fact]
    public void A_number_that_is_used_again_is_another_number() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            HashSet<uint> numbers = [];
            for (var i = 0; i < 10; i++)
            {
                bench.Offer(port);
                var offer = bench.Worker.Take();
                Assert.True(numbers.Add(offer.Number));
                Assert.Equal(0, Board.IndexOf(offer.Number));
                bench.Worker.Refuse(offer, OfferAnswer.Declined);
                bench.Read();
            }
        },
        capacity: 1);

    [Fact]
    public void A_full_socket_takes_no_offer_and_leaves_no_trace_of_it() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            var connection = bench.Offer(port);
            var offered = 1;
            while (bench.Channel.TryOffer(port.Candidate!, connection.Pending))
                Assert.InRange(++offered, 1, 10_000);
            Assert.Equal(offered, bench.Failover.Kept);
            for (var i = 0; i < offered; i++)
                bench.Worker.Take();
            Assert.Null(bench.Worker.TryTake());
            Assert.True(bench.Channel.TryOffer(port.Candidate!, connection.Pending));
        },
        keeps: true,
        maxKept: 20_000,
        capacity: 20_000);

    [Fact]
    public void Offers_that_the_worker_has_claimed_are_not_under_way() => HandoffBench.Run(bench =>
    {
        var (port, other) = (bench.AddPort(1), bench.AddPort(2));
        bench.Offer(port);
        bench.Offer(port);
        bench.Offer(other);
        port.Candidate!.Outstanding = 2;
        other.Candidate!.Outstanding = 1;
        bench.Worker.Claim(bench.Worker.Take());
        Assert.Equal(1, bench.Channel.CountUnderWay(port.Candidate));
        Assert.Equal(1, bench.Channel.CountUnderWay(other.Candidate));
        port.Candidate.Outstanding = 0;
        Assert.Equal(0, bench.Channel.CountUnderWay(port.Candidate));
    });

    [Fact]
    public void A_kept_connection_that_is_given_back_goes_on_as_the_primarys_copy() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort(7);
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Worker.Return(offer.Number, offer.Port, offer.Socket, offer.Peer);
            offer.Socket.Dispose();
            bench.Read();
            bench.Read();
            var (number, descriptor, peer) = Assert.Single(bench.GivenBack);
            Assert.Equal((7, connection.Pending.Descriptor), (number, descriptor));
            Assert.Equal(connection.Pending.Peer.ToEndPoint(), peer.ToEndPoint());
            Assert.Equal(0, bench.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void A_connection_without_a_copy_is_given_back_with_its_descriptor() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort(7);
        var connection = bench.Offer(port);
        var offer = bench.Worker.Take();
        bench.Worker.Claim(offer);
        bench.Worker.Return(HandoffCodec.NoOffer, offer.Port, offer.Socket, offer.Peer);
        offer.Socket.Dispose();
        bench.Read();
        bench.Read();
        Assert.Equal("added, answered", port.Heard());
        var (number, descriptor, peer) = Assert.Single(bench.GivenBack);
        Assert.Equal(7, number);
        Assert.Equal(connection.Pending.Peer.ToEndPoint(), peer.ToEndPoint());
        Assert.False(connection.IsClosed);
        Assert.True(descriptor >= 0);
    });

    [Fact]
    public void A_socket_that_a_worker_asked_for_is_delivered() => HandoffBench.Run(bench =>
    {
        var connection = bench.NewConnection();
        var address = connection.Pending.Peer;
        Assert.True(bench.Channel.TryDeliver(port: 3, request: 9, connection.Pending.Descriptor, address));
        Descriptor.Close(connection.Pending.Descriptor);
        using (var socket = bench.Worker.TryTakeSocket(out var request, out var port, out var bound))
        {
            Assert.Equal((9, 3), (request, port));
            Assert.Equal(address.ToEndPoint(), bound.ToEndPoint());
            Assert.False(connection.IsClosed);
        }
        Assert.True(connection.IsClosed);
    });

    [Fact]
    public void A_worker_whose_socket_is_closed_is_offered_nothing_and_needs_no_delivery() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        bench.Worker.CloseSocket();
        bench.Read();
        var connection = bench.NewConnection();
        Assert.False(bench.Channel.TryOffer(port.Candidate!, connection.Pending));
        Assert.True(bench.Channel.TryDeliver(1, 1, connection.Pending.Descriptor, default));
        Assert.Empty(bench.Faults);
        Descriptor.Close(connection.Pending.Descriptor);
    });
}
