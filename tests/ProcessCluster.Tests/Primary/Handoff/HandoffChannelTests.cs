using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>Offers, and the answers of a worker that keeps to the protocol.</summary>
public sealed class HandoffChannelTests
{
    [Fact]
    public void An_offer_reaches_the_worker_with_its_connection() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort(7);
        var connection = fixture.NewConnection(skip: 5);
        Assert.True(fixture.Channel.TryOffer(port.Candidate!, connection.Pending));
        var offer = fixture.Worker.Take();
        Assert.Equal((7, (ushort)5, OfferKinds.None), (offer.Port, offer.Skip, offer.Kinds));
        Assert.Equal(connection.Pending.Peer.ToEndPoint(), offer.Peer.ToEndPoint());
        connection.Say(42);
        var buffer = new byte[1];
        Assert.True(StreamSocket.TryReceive(offer.Socket, buffer, out _));
        Assert.Equal(42, buffer[0]);
        Assert.True(fixture.Channel.HasOffers);
    });

    [Fact]
    public void The_worker_learns_that_a_connection_was_another_ones_and_that_a_copy_is_kept() => HandoffFixture.Run(
        fixture =>
        {
            fixture.Offer(fixture.AddPort(), isMoved: true);
            Assert.Equal(OfferKinds.Moved | OfferKinds.Kept, fixture.Worker.Take().Kinds);
        },
        keeps: true);

    [Fact]
    public void A_claimed_connection_is_the_workers_alone() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        var connection = fixture.Offer(port);
        var offer = fixture.Worker.Take();
        fixture.Worker.Claim(offer);
        fixture.Read();
        Assert.Equal("added, answered", port.Heard());
        Assert.False(fixture.Channel.HasOffers);
        Assert.False(connection.IsClosed);
        offer.Socket.Dispose();
        Assert.True(connection.IsClosed);
    });

    [Fact]
    public void A_copy_of_a_kept_connection_stays_until_the_worker_closes_it() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Read();
            Assert.Equal("added, answered", port.Heard());
            offer.Socket.Dispose();
            Assert.False(connection.IsClosed);
            Assert.Equal(1, fixture.Failover.Kept);
            fixture.Worker.Close(offer);
            fixture.Read();
            Assert.True(connection.IsClosed);
            Assert.Equal(0, fixture.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void A_connection_that_was_claimed_and_closed_at_once_is_counted_and_let_go() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Worker.Close(offer);
            fixture.Read();
            Assert.Equal("added, answered", port.Heard());
            Assert.True(connection.IsClosed);
            Assert.False(fixture.Channel.HasOffers);
        },
        keeps: true);

    [Fact]
    public void Past_the_limit_of_copies_none_is_kept() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            fixture.Offer(port);
            var second = fixture.Offer(port);
            Assert.Equal(OfferKinds.Kept, fixture.Worker.Take().Kinds);
            var offer = fixture.Worker.Take();
            Assert.Equal(OfferKinds.None, offer.Kinds);
            fixture.Worker.Claim(offer);
            fixture.Read();
            offer.Socket.Dispose();
            Assert.True(second.IsClosed);
        },
        keeps: true,
        maxKept: 1);

    [Fact]
    public void A_refused_port_is_offered_no_more_and_its_connection_waits_for_others() => HandoffFixture.Run(
        fixture =>
        {
            var (refused, other) = (fixture.AddPort(1), fixture.AddPort(2));
            var connection = fixture.Offer(refused);
            fixture.Worker.Refuse(fixture.Worker.Take());
            fixture.Read();
            Assert.Equal("added, taken back, removed, answered", refused.Heard());
            Assert.Equal("added", other.Heard());
            Assert.Equal([connection.Pending.Descriptor], refused.Waiting.Select(static waits => waits.Descriptor));
            Assert.Equal(0, fixture.Failover.Kept);
            fixture.Channel.RemovePort(refused);
            Assert.Equal("", refused.Heard());
        },
        keeps: true);

    [Fact]
    public void A_declined_connection_waits_for_others_and_the_worker_is_asked_again_when_it_has_room() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        var (taken, declined) = (fixture.Offer(port), fixture.Offer(port));
        fixture.Worker.Claim(fixture.Worker.Take());
        fixture.Worker.Refuse(fixture.Worker.Take(), OfferAnswer.Declined);
        fixture.Read();
        Assert.Equal("added, answered, taken back, declined, served", port.Heard());
        Assert.Equal([declined.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
        Assert.False(taken.IsClosed);
        Assert.True(fixture.Worker.Board.ConnectionClosed(), "No notice of room was asked for.");
        Assert.False(fixture.Worker.Board.ConnectionClosed(), "A second notice was asked for.");
        fixture.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.RoomAvailable);
        fixture.Read();
        Assert.Equal("room", port.Heard());
        Assert.Equal(0, fixture.Lacks);
    });

    [Fact]
    public void A_lack_of_descriptors_is_reported_once_until_it_is_over() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        foreach (var (pause, reported) in new[] { (0.0, 1), (0.5, 1), (0.9, 1), (1.0, 2) })
        {
            fixture.Time.Advance(TimeSpan.FromSeconds(pause), static () => { });
            fixture.Offer(port);
            fixture.Worker.Refuse(fixture.Worker.Take(), OfferAnswer.Exhausted);
            fixture.Read();
            Assert.EndsWith("taken back, declined, served", port.Heard(), StringComparison.Ordinal);
            Assert.Equal(reported, fixture.Lacks);
        }
    });

    [Fact]
    public void Without_a_free_number_nothing_is_offered() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            fixture.Offer(port);
            var second = fixture.Offer(port);
            var third = fixture.NewConnection();
            Assert.False(fixture.Channel.TryOffer(port.Candidate!, third.Pending));
            fixture.Worker.Take();
            fixture.Worker.Refuse(fixture.Worker.Take());
            Assert.Null(fixture.Worker.TryTake());
            fixture.Read();
            Assert.Equal([second.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
            Assert.True(fixture.Channel.TryOffer(port.Candidate!, third.Pending));
        },
        keeps: true,
        capacity: 2);

    [Fact]
    public void A_number_that_is_used_again_is_another_number() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            HashSet<uint> numbers = [];
            for (var i = 0; i < 10; i++)
            {
                fixture.Offer(port);
                var offer = fixture.Worker.Take();
                Assert.True(numbers.Add(offer.Number));
                Assert.Equal(0, Board.IndexOf(offer.Number));
                fixture.Worker.Refuse(offer, OfferAnswer.Declined);
                fixture.Read();
            }
        },
        capacity: 1);

    [Fact]
    public void A_full_socket_takes_no_offer_and_leaves_no_trace_of_it() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            var connection = fixture.Offer(port);
            var offered = 1;
            while (fixture.Channel.TryOffer(port.Candidate!, connection.Pending))
                Assert.InRange(++offered, 1, 10_000);
            Assert.Equal(offered, fixture.Failover.Kept);
            for (var i = 0; i < offered; i++)
                fixture.Worker.Take();
            Assert.Null(fixture.Worker.TryTake());
            Assert.True(fixture.Channel.TryOffer(port.Candidate!, connection.Pending));
        },
        keeps: true,
        maxKept: 20_000,
        capacity: 20_000);

    [Fact]
    public void Offers_that_the_worker_has_claimed_are_not_under_way() => HandoffFixture.Run(fixture =>
    {
        var (port, other) = (fixture.AddPort(1), fixture.AddPort(2));
        fixture.Offer(port);
        fixture.Offer(port);
        fixture.Offer(other);
        port.Candidate!.Outstanding = 2;
        other.Candidate!.Outstanding = 1;
        fixture.Worker.Claim(fixture.Worker.Take());
        Assert.Equal(1, fixture.Channel.CountUnderWay(port.Candidate));
        Assert.Equal(1, fixture.Channel.CountUnderWay(other.Candidate));
        port.Candidate.Outstanding = 0;
        Assert.Equal(0, fixture.Channel.CountUnderWay(port.Candidate));
    });

    [Fact]
    public void A_kept_connection_that_is_given_back_goes_on_as_the_primarys_copy() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort(7);
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Worker.Return(offer.Number, offer.Port, offer.Socket, offer.Peer);
            offer.Socket.Dispose();
            fixture.Read();
            fixture.Read();
            var (number, descriptor, peer) = Assert.Single(fixture.GivenBack);
            Assert.Equal((7, connection.Pending.Descriptor), (number, descriptor));
            Assert.Equal(connection.Pending.Peer.ToEndPoint(), peer.ToEndPoint());
            Assert.Equal(0, fixture.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void A_connection_without_a_copy_is_given_back_with_its_descriptor() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort(7);
        var connection = fixture.Offer(port);
        var offer = fixture.Worker.Take();
        fixture.Worker.Claim(offer);
        fixture.Worker.Return(HandoffCodec.NoOffer, offer.Port, offer.Socket, offer.Peer);
        offer.Socket.Dispose();
        fixture.Read();
        fixture.Read();
        Assert.Equal("added, answered", port.Heard());
        var (number, descriptor, peer) = Assert.Single(fixture.GivenBack);
        Assert.Equal(7, number);
        Assert.Equal(connection.Pending.Peer.ToEndPoint(), peer.ToEndPoint());
        Assert.False(connection.IsClosed);
        Assert.True(descriptor >= 0);
    });

    [Fact]
    public void A_socket_that_a_worker_asked_for_is_delivered() => HandoffFixture.Run(fixture =>
    {
        var connection = fixture.NewConnection();
        var address = connection.Pending.Peer;
        Assert.True(fixture.Channel.TryDeliver(port: 3, request: 9, connection.Pending.Descriptor, address));
        Descriptor.Close(connection.Pending.Descriptor);
        using (var socket = fixture.Worker.TryTakeSocket(out var request, out var port, out var bound))
        {
            Assert.Equal((9, 3), (request, port));
            Assert.Equal(address.ToEndPoint(), bound.ToEndPoint());
            Assert.False(connection.IsClosed);
        }
        Assert.True(connection.IsClosed);
    });

    [Fact]
    public void A_worker_whose_socket_is_closed_is_offered_nothing_and_needs_no_delivery() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        fixture.Worker.CloseSocket();
        fixture.Read();
        var connection = fixture.NewConnection();
        Assert.False(fixture.Channel.TryOffer(port.Candidate!, connection.Pending));
        Assert.True(fixture.Channel.TryDeliver(1, 1, connection.Pending.Descriptor, default));
        Assert.Empty(fixture.Faults);
        Descriptor.Close(connection.Pending.Descriptor);
    });
}
