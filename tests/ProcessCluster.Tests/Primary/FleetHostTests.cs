using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary;

public sealed class FleetHostTests : IDisposable
{
    private readonly RunnerFixture _fixture = new();

    [Fact]
    public void A_standby_worker_that_is_admitted_has_the_slot_and_is_told()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        child.Told();
        Run(() => _fixture.FleetHost.Admit(worker, 5));
        Assert.Equal(5, worker.Slot);
        Assert.Equal(5, Assert.IsType<ControlMessage.Admitted>(Assert.Single(child.Told())).Slot);
    }

    [Fact]
    public async Task The_reason_for_leaving_is_in_the_record_of_the_worker()
    {
        var (worker, _) = _fixture.Add();
        _fixture.Greet(worker);
        Run(() => _fixture.FleetHost.Leave(worker, "Recycle:MaxAge", isRecycled: true));
        Run(() => _fixture.FleetHost.Leave(worker, "a reload", isRecycled: false));
        _fixture.CloseLink(worker);
        _fixture.End(worker, 0);
        var exit = await worker.Gone.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(WorkerExitCause.Recycled, exit.Cause);
        Assert.Equal("Recycle:MaxAge", exit.Reason);
    }

    [Fact]
    public void A_worker_that_cannot_be_told_to_leave_is_cut_off()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.Observer.Throws = true;
        Run(() => _fixture.FleetHost.Leave(worker, "a reload", isRecycled: false));
        Assert.Equal(1, child.Kills);
        Assert.Equal("the primary failed: InvalidOperationException: the observer fails", worker.Fault);
    }

    [Fact]
    public void A_cluster_that_gives_up_tells_its_log_and_its_observer()
    {
        Run(_fixture.FleetHost.GiveUp);
        Assert.Equal(["exhausted"], _fixture.Observer.Seen);
        Assert.Single(_fixture.Log.Lines);
    }

    public void Dispose() => _fixture.Dispose();

    private void Run(Action action) => _fixture.On(() =>
    {
        action();
        return true;
    });
}
