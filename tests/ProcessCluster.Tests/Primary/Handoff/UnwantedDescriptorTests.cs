using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>Descriptors that a worker sends and that nobody wants: they are closed, and closing them holds nobody up.</summary>
public sealed class UnwantedDescriptorTests
{
    [Fact]
    public void Several_descriptors_are_a_fault_and_are_closed() => HandoffFixture.Run(fixture =>
    {
        using var file = new NamedFile();
        fixture.Offer(fixture.AddPort());
        fixture.Worker.Send(Returned(HandoffCodec.NoOffer), file.Number, file.Number, file.Number);
        fixture.Read();
        Assert.Contains("with more than one descriptor", Assert.Single(fixture.Faults), StringComparison.Ordinal);
        Assert.Equal(1, file.Copies);
    });

    [Fact]
    public void A_descriptor_with_an_answer_is_a_fault_and_is_closed() => HandoffFixture.Run(fixture =>
    {
        using var file = new NamedFile();
        var port = fixture.AddPort();
        fixture.Offer(port);
        var message = new byte[HandoffCodec.AnswerSize];
        HandoffCodec.WriteAnswer(message, fixture.Worker.Take().Number, OfferAnswer.Declined);
        fixture.Worker.Send(message, file.Number);
        fixture.Read();
        Assert.Equal(["it sent a descriptor that is no connection for another worker."], fixture.Faults);
        Assert.Equal("added, removed", port.Heard());
        Assert.Equal(1, file.Copies);
    });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void An_unwanted_connection_that_lingers_holds_nobody_up(int way) => HandoffFixture.Run(fixture =>
    {
        using var file = new NamedFile();
        fixture.Offer(fixture.AddPort());
        using var pair = new LingeringPair();
        fixture.Worker.Send(
            way == 0 ? [1] : Returned(HandoffCodec.NoOffer),
            way == 2 ? [file.Number, pair.Number] : [pair.Number]);
        pair.LetGo();
        var since = Stopwatch.GetTimestamp();
        fixture.Read();
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Lingering.Time / 2);
        Assert.Single(fixture.Faults);
    });

    [Fact]
    public void A_lingering_connection_that_came_after_a_fault_holds_nobody_up() => HandoffFixture.Run(fixture =>
    {
        using var pair = new LingeringPair();
        fixture.Worker.Send([1]);
        fixture.Worker.Send(Returned(HandoffCodec.NoOffer), pair.Number);
        pair.LetGo();
        fixture.Read();
        Assert.Single(fixture.Faults);
        var since = Stopwatch.GetTimestamp();
        fixture.Close();
        fixture.Worker.Handle.Child.Handoff.Dispose();
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Lingering.Time / 2);
    });

    private static byte[] Returned(uint number)
    {
        var message = new byte[HandoffSocket.MaxMessage];
        return message[..HandoffCodec.WriteReturned(message, number, 7, default)];
    }

    /// <summary>A TCP connection whose last close would wait for a client that reads nothing.</summary>
    private sealed class LingeringPair : IDisposable
    {
        private readonly Socket _client;
        private readonly Descriptor _lingering;

        public LingeringPair()
        {
            using var listener = ListeningSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0), new ClusterListenOptions());
            _client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _client.Connect(listener.EndPoint);
            Assert.Equal(AcceptResult.Accepted, listener.TryAccept(out var accepted, out _));
            _lingering = new Descriptor(accepted);
            Lingering.Begin(_lingering);
        }

        public int Number => _lingering.Number;

        /// <summary>Closes this copy: another one has to be open.</summary>
        public void LetGo() => _lingering.Dispose();

        public void Dispose()
        {
            _client.Dispose();
            _lingering.Dispose();
        }
    }
}
