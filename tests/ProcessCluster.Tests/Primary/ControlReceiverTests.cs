using System.Net;
using System.Net.Sockets;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Messaging;

namespace ProcessCluster.Tests.Primary;

public sealed class ControlReceiverTests : IDisposable
{
    private readonly RunnerFixture _fixture = new();

    [Fact]
    public void A_worker_with_another_protocol_is_cut_off_with_both_versions_in_the_reason()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Say(worker, new ControlMessage.Hello(ControlCodec.Protocol + 1, worker.ProcessId));
        Assert.Equal(1, child.Kills);
        Assert.Equal(
            $"it speaks version {ControlCodec.Protocol + 1} of the protocol, this primary version {ControlCodec.Protocol}. Run the same version of ProcessCluster in both.",
            worker.Fault);
        Assert.Equal(WorkerState.Starting, worker.State);
    }

    [Fact]
    public void A_worker_that_says_what_only_a_primary_says_is_cut_off()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.Say(worker, new ControlMessage.Admitted(0));
        Assert.Equal(1, child.Kills);
        Assert.Equal("it sent Admitted, which a worker does not send.", worker.Fault);
    }

    [Fact]
    public async Task A_worker_is_up_with_the_addresses_that_it_reports()
    {
        var (worker, _) = _fixture.Add(expectsReady: true);
        _fixture.Greet(worker);
        Assert.False(worker.Booted.IsCompleted);
        _fixture.Say(worker, new ControlMessage.Ready(["http://127.0.0.1:5000"]));
        Assert.Equal(["http://127.0.0.1:5000"], await worker.Booted.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void The_reason_of_a_start_that_has_failed_is_the_workers_own()
    {
        var (worker, _) = _fixture.Add(expectsReady: true);
        _fixture.Greet(worker);
        _fixture.Say(worker, new ControlMessage.StartFailed("no database"));
        Assert.Equal("no database", worker.Fault);
    }

    [Fact]
    public void A_port_that_cannot_be_bound_is_answered_with_the_systems_error()
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        child.Told();
        _fixture.Say(worker, new ControlMessage.Listen(7, other.LocalEndPoint!, new ClusterListenOptions()));
        var refusal = Assert.IsType<ControlMessage.NotBound>(Assert.Single(child.Told()));
        Assert.Equal(7, refusal.Request);
        Assert.Equal(SocketError.AddressAlreadyInUse, (SocketError)refusal.SocketError);
        Assert.Equal(0, child.Kills);
    }

    [Fact]
    public async Task A_worker_listens_when_it_says_so_of_a_port_that_it_has()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        child.Told();
        _fixture.Say(worker, new ControlMessage.Listen(1, new IPEndPoint(IPAddress.Loopback, 0), new ClusterListenOptions()));
        var bound = Assert.IsType<ControlMessage.Bound>(Assert.Single(child.Told()));
        _fixture.Say(worker, new ControlMessage.Listening(bound.Port + 1));
        Assert.Equal(WorkerState.Online, worker.State);
        _fixture.Say(worker, new ControlMessage.Listening(bound.Port));
        Assert.Equal(WorkerState.Listening, worker.State);
        await _fixture.Events.FlushAsync();
    }

    [Fact]
    public void A_fault_of_the_link_ends_the_worker()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.CloseLink(worker, "a frame was too long.");
        Assert.Equal(1, child.Kills);
        Assert.Equal("a frame was too long.", worker.Fault);
        Assert.Equal(WorkerState.Disconnected, worker.State);
    }

    [Fact]
    public async Task Requests_to_a_worker_whose_link_has_closed_fail_within_a_second()
    {
        var (worker, _) = _fixture.Add();
        _fixture.Greet(worker);
        var asking = worker.Channel.RequestAsync<Ask, Answer>(worker.Id, new Ask(1), null, CancellationToken.None).AsTask();
        _fixture.CloseLink(worker);
        _fixture.Advance(TimeSpan.FromSeconds(1));
        var gone = await Assert.ThrowsAsync<PeerGoneException>(() => asking.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains("has closed its link", gone.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _fixture.Dispose();
}
