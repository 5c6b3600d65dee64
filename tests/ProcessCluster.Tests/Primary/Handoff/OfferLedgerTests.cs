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
    public void An_overdue_offer_goes_to_an_idle_worker_and_its_late_answer_is_noted(bool keeps) => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            port.HasIdle = true;
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            Wait(bench, Patience - TimeSpan.FromMilliseconds(1));
            bench.Channel.RevokeOverdue();
            Assert.Equal("added", port.Heard());
            Wait(bench, TimeSpan.FromMilliseconds(1));
            bench.Channel.RevokeOverdue();
            Assert.Equal("revoked, taken back, served", port.Heard());
            Assert.Equal([connection.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
            Assert.False(bench.Worker.Board.TryClaim(offer.Number, ClusterConnectionState.Idle));
            Assert.True(bench.Channel.HasOffers);
            bench.Channel.RevokeOverdue();
            Assert.Equal("", port.Heard());

            bench.Worker.Refuse(offer);
            bench.Read();
            Assert.Equal("revoked one answered", port.Heard());
            Assert.False(bench.Channel.HasOffers);
            Assert.Equal(0, bench.Failover.Kept);
            Assert.Empty(bench.Faults);
        },
        keeps);

    [Fact]
    public void An_offer_stays_where_no_other_worker_is_idle() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        bench.Offer(port);
        Wait(bench, TimeSpan.FromHours(1));
        bench.Channel.RevokeOverdue();
        Assert.Equal("added", port.Heard());
        Assert.Empty(port.Waiting);
    });

    [Fact]
    public void Overdue_offers_come_back_in_order_of_arrival() => HandoffBench.Run(bench =>
    {
        var (port, other) = (bench.AddPort(1), bench.AddPort(2));
        port.HasIdle = true;
        TestConnection[] offered = [bench.Offer(port), bench.Offer(port), bench.Offer(other), bench.Offer(port), bench.Offer(port)];
        bench.Worker.Claim(bench.Worker.Take()); // The last offer has its place now.
        bench.Read();
        Wait(bench, Patience);
        var late = bench.Offer(port);
        bench.Channel.RevokeOverdue();
        Assert.Equal(Descriptors(offered[1], offered[3], offered[4]), port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Empty(other.Waiting);
        Assert.False(late.IsClosed);
    });

    [Fact]
    public void A_worker_that_claims_at_the_last_moment_keeps_the_connection() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        port.HasIdle = true;
        var connection = bench.Offer(port);
        var offer = bench.Worker.Take();
        Wait(bench, Patience);
        Assert.True(bench.Worker.Board.TryClaim(offer.Number, ClusterConnectionState.Idle)); // It has not said so.
        bench.Channel.RevokeOverdue();
        Assert.Equal("added, answered", port.Heard());
        Assert.False(connection.IsClosed);
    });

    [Fact]
    public void A_revoked_connection_that_is_given_back_was_not_the_workers() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            port.HasIdle = true;
            bench.Offer(port);
            var offer = bench.Worker.Take();
            Wait(bench, Patience);
            bench.Channel.RevokeOverdue();
            bench.Worker.Return(offer.Number, offer.Port, offer.Socket);
            bench.Read();
            Assert.Equal(["it gave back more connections than it was given."], bench.Faults);
            Assert.Empty(bench.GivenBack);
        },
        keeps: true);

    [Fact]
    public void Offers_of_a_worker_that_has_closed_its_socket_go_to_others() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        port.HasIdle = true;
        var connection = bench.Offer(port);
        bench.Worker.CloseSocket();
        bench.Read();
        Assert.Equal("added, removed", port.Heard());
        Wait(bench, Patience);
        bench.Channel.RevokeOverdue();
        Assert.Equal("revoked, taken back, served", port.Heard());
        Assert.Equal([connection.Pending.Descriptor], port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Equal("", bench.AddPort(8).Heard());
    });

    [Fact]
    public void At_a_workers_end_its_offers_come_back_in_order_of_arrival() => HandoffBench.Run(bench =>
    {
        var (port, other) = (bench.AddPort(1), bench.AddPort(2));
        TestConnection[] offered = [bench.Offer(port), bench.Offer(other), bench.Offer(port), bench.Offer(port), bench.Offer(other)];
        bench.Worker.Claim(bench.Worker.Take());
        Assert.Equal("added", port.Heard());
        bench.Close();
        Assert.Equal("removed, answered, taken back, taken back, served", port.Heard());
        Assert.Equal(Descriptors(offered[2], offered[3]), port.Waiting.Select(static waits => waits.Descriptor));
        Assert.Equal(Descriptors(offered[1], offered[4]), other.Waiting.Select(static waits => waits.Descriptor));
        Assert.False(bench.Channel.HasOffers);
    });

    [Fact]
    public void At_a_workers_end_a_revoked_offer_is_another_ones() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            port.HasIdle = true;
            bench.Offer(port);
            Wait(bench, Patience);
            bench.Channel.RevokeOverdue();
            Assert.Equal(1, bench.Failover.Kept);
            Assert.Equal("added, revoked, taken back, served", port.Heard());
            bench.Close();
            Assert.Equal("removed", port.Heard());
            Assert.Equal(0, bench.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void At_a_workers_end_what_it_gave_back_before_is_not_its_own() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            bench.Offer(port);
            bench.Offer(port);
            var (returned, idle) = (bench.Worker.Take(), bench.Worker.Take());
            bench.Worker.Claim(returned);
            bench.Worker.Claim(idle);
            bench.Worker.Return(returned.Number, returned.Port, returned.Socket);
            bench.Close();
            Assert.Single(bench.GivenBack);
            Assert.EndsWith("taken over", port.Heard(), StringComparison.Ordinal);
            Assert.Equal(0, bench.Failover.Kept);
        },
        keeps: true);

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(63)]
    public void A_list_of_closed_connections_that_leads_nowhere_ends(int index) => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            var connection = bench.Offer(port);
            var offer = bench.Worker.Take();
            bench.Worker.Claim(offer);
            bench.Read();
            bench.Worker.Board.Close((uint)index); // Nothing has this number.
            bench.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.BoardChanged);
            bench.Read();
            Assert.False(connection.IsClosed);
            Assert.Equal(1, bench.Failover.Kept);
            Assert.Empty(bench.Faults);
        },
        keeps: true);

    [Fact]
    public void A_list_of_closed_connections_that_is_a_circle_ends() => HandoffBench.Run(
        bench =>
        {
            var port = bench.AddPort();
            var (first, second) = (bench.Offer(port), bench.Offer(port));
            var (one, other) = (bench.Worker.Take(), bench.Worker.Take());
            bench.Worker.Claim(one);
            bench.Worker.Claim(other);
            bench.Worker.LetGo();
            bench.Worker.Board.Close(one.Number);
            bench.Worker.Board.Close(other.Number);
            bench.Worker.Board.Close(one.Number); // Its successor is the other one, whose successor it is.
            bench.Close();
            Assert.True(first.IsClosed);
            Assert.True(second.IsClosed);
            Assert.Equal(0, bench.Failover.Kept);
        },
        keeps: true);

    [Fact]
    public void A_connection_without_a_copy_that_is_told_closed_is_let_be() => HandoffBench.Run(bench =>
    {
        var port = bench.AddPort();
        var connection = bench.Offer(port);
        var offer = bench.Worker.Take();
        bench.Worker.Board.Close(offer.Number);
        bench.Worker.Answer(HandoffCodec.NoOffer, OfferAnswer.BoardChanged);
        bench.Read();
        Assert.Equal("added, answered", port.Heard()); // It says that it has claimed it.
        Assert.False(connection.IsClosed);
        Assert.Empty(bench.Faults);
    });

    private static void Wait(HandoffBench bench, TimeSpan time) => bench.Time.Advance(time, static () => { });

    private static IEnumerable<int> Descriptors(params TestConnection[] connections) => connections.Select(static connection => connection.Pending.Descriptor);
}
