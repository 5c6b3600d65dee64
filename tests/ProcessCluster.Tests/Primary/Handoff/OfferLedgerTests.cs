using ProcessCluster.Linux.Interop;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>Offers that a worker leaves unanswered, its end, and a board with nonsense on it.</summary>
public sealed class OfferLedgerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_overdue_offer_goes_to_an_idle_worker_and_its_late_answer_is_noted(bool keeps) => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            port.HasIdle = true;
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            Wait(fixture, Patience - TimeSpan.FromMilliseconds(1));
            fixture.Channel.RevokeOverdue();
            Assert.Equal("added", port.Heard());
            Wait(fixture, TimeSpan.FromMilliseconds(1));
            fixture.Channel.RevokeOverdue();
            Assert.Equal("revoked, taken back, served", port.Heard());
            Assert.Equal([connection.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
            Assert.False(fixture.Worker.Board.TryClaim(offer.Number, ClusterConnectionState.Idle));
            Assert.True(fixture.Channel.HasOffers);
            fixture.Channel.RevokeOverdue();
            Assert.Equal("", port.Heard());

            fixture.Worker.Refuse(offer);
            fixture.Read();
            Assert.Equal("revoked one answered", port.Heard());
            Assert.False(fixture.Channel.HasOffers);
            Assert.Equal(0, fixture.Failover.Kept);
            Assert.Empty(fixture.Faults);
        },
        keeps);

    [Fact]
    public void An_offer_stays_where_no_other_worker_is_idle() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        fixture.Offer(port);
        Wait(fixture, TimeSpan.FromHours(1));
        fixture.Channel.RevokeOverdue();
        Assert.Equal("added", port.Heard());
        Assert.Empty(port.Waiting);
    });

    [Fact]
    public void Overdue_offers_come_back_in_order_of_arrival() => HandoffFixture.Run(fixture =>
    {
        var (port, other) = (fixture.AddPort(1), fixture.AddPort(2));
        port.HasIdle = true;
        TestConnection[] offered = [fixture.Offer(port), fixture.Offer(port), fixture.Offer(other), fixture.Offer(port), fixture.Offer(port)];
        fixture.Worker.Claim(fixture.Worker.Take()); // The last offer has its place now.
        fixture.Read();
        Wait(fixture, Patience);
        var late = fixture.Offer(port);
        fixture.Channel.RevokeOverdue();
        Assert.Equal(Descriptors(offered[1], offered[3], offered[4]), port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Empty(other.Waiting);
        Assert.False(late.IsClosed);
    });

    [Fact]
    public void A_worker_that_claims_at_the_last_moment_keeps_the_connection() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        port.HasIdle = true;
        var connection = fixture.Offer(port);
        var offer = fixture.Worker.Take();
        Wait(fixture, Patience);
        Assert.True(fixture.Worker.Board.TryClaim(offer.Number, ClusterConnectionState.Idle)); // It has not said so.
        fixture.Channel.RevokeOverdue();
        Assert.Equal("added, answered", port.Heard());
        Assert.False(connection.IsClosed);
    });

    [Fact]
    public void A_revoked_connection_that_is_given_back_was_not_the_workers() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            port.HasIdle = true;
            fixture.Offer(port);
            var offer = fixture.Worker.Take();
            Wait(fixture, Patience);
            fixture.Channel.RevokeOverdue();
            fixture.Worker.Return(offer.Number, offer.Port, offer.Socket);
            fixture.Read();
            Assert.Equal(["it gave back more connections than it was given."], fixture.Faults);
            Assert.Empty(fixture.GivenBack);
        },
        keeps: true);

    [Fact]
    public void Offers_of_a_worker_that_has_closed_its_socket_go_to_others() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        port.HasIdle = true;
        var connection = fixture.Offer(port);
        fixture.Worker.CloseSocket();
        fixture.Read();
        Assert.Equal("added, removed", port.Heard());
        Wait(fixture, Patience);
        fixture.Channel.RevokeOverdue();
        Assert.Equal("revoked, taken back, served", port.Heard());
        Assert.Equal([connection.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Equal("", fixture.AddPort(8).Heard());
    });

    [Fact]
    public void At_a_workers_end_its_offers_come_back_in_order_of_arrival() => HandoffFixture.Run(fixture =>
    {
        var (port, other) = (fixture.AddPort(1), fixture.AddPort(2));
        TestConnection[] offered = [fixture.Offer(port), fixture.Offer(other), fixture.Offer(port), fixture.Offer(port), fixture.Offer(other)];
        fixture.Worker.Claim(fixture.Worker.Take());
        Assert.Equal("added", port.Heard());
        fixture.Close();
        Assert.Equal("removed, answered, taken back, taken back, served", port.Heard());
        Assert.Equal(Descriptors(offered[2], offered[3]), port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Equal(Descriptors(offered[1], offered[4]), other.Waiting.Select(static waits => waits.Descriptor));
        Assert.False(fixture.Channel.HasOffers);
    });

    [Fact]
    public void At_a_workers_end_a_revoked_offer_is_another_ones() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            port.HasIdle = true;
            fixture.Offer(port);
            Wait(fixture, Patience);
            fixture.Channel.RevokeOverdue();
            Assert.Equal(1, fixture.Failover.Kept);
            Assert.Equal("added, revoked, taken back, served", port.Heard());
            fixture.Close();
            Assert.Equal("removed", port.Heard());
            Assert.Equal(0, fixture.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void At_a_workers_end_what_it_gave_back_before_is_not_its_own() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            fixture.Offer(port);
            fixture.Offer(port);
            var (returned, idle) = (fixture.Worker.Take(), fixture.Worker.Take());
            fixture.Worker.Claim(returned);
            fixture.Worker.Claim(idle);
            fixture.Worker.Return(returned.Number, returned.Port, returned.Socket);
            fixture.Close();
            Assert.Single(fixture.GivenBack);
            Assert.EndsWith("taken over", port.Heard(), StringComparison.Ordinal);
            Assert.Equal(0, fixture.Failover.Kept);
        },
        keeps: true);

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(63)]
    public void A_list_of_closed_connections_that_leads_nowhere_ends(int index) => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            var connection = fixture.Offer(port);
            var offer = fixture.Worker.Take();
            fixture.Worker.Claim(offer);
            fixture.Read();
            fixture.Worker.Board.Close((uint)index); // Nothing has this number.
            fixture.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.BoardChanged);
            fixture.Read();
            Assert.False(connection.IsClosed);
            Assert.Equal(1, fixture.Failover.Kept);
            Assert.Empty(fixture.Faults);
        },
        keeps: true);

    [Fact]
    public void A_list_of_closed_connections_that_is_a_circle_ends() => HandoffFixture.Run(
        fixture =>
        {
            var port = fixture.AddPort();
            var (first, second) = (fixture.Offer(port), fixture.Offer(port));
            var (one, other) = (fixture.Worker.Take(), fixture.Worker.Take());
            fixture.Worker.Claim(one);
            fixture.Worker.Claim(other);
            fixture.Worker.LetGo();
            fixture.Worker.Board.Close(one.Number);
            fixture.Worker.Board.Close(other.Number);
            fixture.Worker.Board.Close(one.Number); // Its successor is the other one, whose successor it is.
            fixture.Close();
            Assert.True(first.IsClosed);
            Assert.True(second.IsClosed);
            Assert.Equal(0, fixture.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void A_connection_without_a_copy_that_is_told_closed_is_let_be() => HandoffFixture.Run(fixture =>
    {
        var port = fixture.AddPort();
        var connection = fixture.Offer(port);
        var offer = fixture.Worker.Take();
        fixture.Worker.Board.Close(offer.Number);
        fixture.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.BoardChanged);
        fixture.Read();
        Assert.Equal("added, answered", port.Heard()); // It says that it has claimed it.
        Assert.False(connection.IsClosed);
        Assert.Empty(fixture.Faults);
    });

    private static void Wait(HandoffFixture fixture, TimeSpan time) => fixture.Time.Advance(time, static () => { });

    private static IEnumerable<int> Descriptors(params TestConnection[] connections) => connections.Select(static connection => connection.Pending.Descriptor);
}
