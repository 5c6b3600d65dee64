using ProcessCluster.Locks;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary;

public sealed class LifecycleRunnerTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly RunnerFixture _fixture = new();

    [Fact]
    public async Task A_worker_that_says_hello_is_online_and_up()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        Assert.Empty(await worker.Booted.WaitAsync(Deadline) ?? throw new InvalidOperationException("It has not booted."));
        Assert.Equal(WorkerState.Online, worker.State);
        Assert.Equal(["up 1"], _fixture.Observer.Seen);
        await _fixture.Events.FlushAsync();
        Assert.Equal(["forked 1", "online 1"], _fixture.Raised);
        _fixture.Advance(worker.Options.BootTimeout * 2);
        Assert.Equal(0, child.Kills);
    }

    [Fact]
    public void A_worker_that_is_not_up_in_time_is_killed_and_the_reason_is_its_fault()
    {
        var (worker, child) = _fixture.Add(expectsReady: true);
        _fixture.Greet(worker);
        _fixture.Advance(worker.Options.BootTimeout - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, child.Kills);
        _fixture.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, child.Kills);
        Assert.Equal("it was not up within 00:01:00", worker.Fault);
    }

    [Fact]
    public async Task A_worker_that_was_not_up_in_time_has_failed_at_boot()
    {
        var (worker, _) = _fixture.Add(expectsReady: true);
        _fixture.Advance(worker.Options.BootTimeout);
        _fixture.CloseLink(worker);
        _fixture.End(worker, null, Signal.SIGKILL);
        Assert.Equal(WorkerExitCause.FailedAtBoot, (await worker.Gone.WaitAsync(Deadline)).Cause);
        Assert.Null(await worker.Booted.WaitAsync(Deadline));
    }

    [Fact]
    public async Task A_worker_that_leaves_is_told_and_ends_on_request()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.Runner.WantLeave(worker);
        _fixture.Settle();
        Assert.Contains(child.Told(), static message => message is ControlMessage.Disconnect);
        Assert.True(worker.Stopping.IsCancellationRequested);
        Assert.Equal(["up 1", "going 1 Left"], _fixture.Observer.Seen);
        _fixture.CloseLink(worker);
        _fixture.End(worker, 0);
        Assert.Equal(WorkerExitCause.Requested, (await worker.Gone.WaitAsync(Deadline)).Cause);
        Assert.Equal(0, child.Kills);
    }

    [Fact]
    public async Task A_worker_that_does_not_leave_in_time_is_killed()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.Runner.WantLeave(worker);
        _fixture.Advance(worker.Options.DrainTimeout - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, child.Kills);
        _fixture.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, child.Kills);
        _fixture.CloseLink(worker);
        _fixture.End(worker, null, Signal.SIGKILL);
        Assert.Equal(WorkerExitCause.KilledLate, (await worker.Gone.WaitAsync(Deadline)).Cause);
    }

    [Fact]
    public async Task A_worker_that_has_not_said_hello_is_killed_instead_of_asked()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Runner.WantLeave(worker);
        _fixture.Settle();
        Assert.Equal(1, child.Kills);
        Assert.Empty(child.Told());
        _fixture.CloseLink(worker);
        _fixture.End(worker, null, Signal.SIGKILL);
        Assert.Equal(WorkerExitCause.Killed, (await worker.Gone.WaitAsync(Deadline)).Cause);
    }

    [Fact]
    public async Task An_end_is_told_to_all_and_nothing_of_the_worker_stays()
    {
        var (worker, child) = _fixture.Add(hasOwnSlot: true);
        _fixture.Greet(worker);
        Assert.True(_fixture.Locks.TryAdd(new LockClaim(worker.Id, 1), "jobs"));
        _fixture.CloseLink(worker);
        _fixture.End(worker, 3);
        Assert.Equal(WorkerExitCause.Crashed, (await worker.Gone.WaitAsync(Deadline)).Cause);
        await _fixture.Events.FlushAsync();
        Assert.Equal(["forked 1", "online 1", "disconnected 1", "exited 1 Crashed"], _fixture.Raised);
        Assert.Equal(["up 1", "ended 1 Crashed"], _fixture.Observer.Seen);
        Assert.Empty(_fixture.Workers);
        Assert.Equal(0, _fixture.Locks.Count);
        Assert.Equal(worker.Slot, _fixture.On(_fixture.Slots.Take));
        Assert.Equal(3, Assert.Single(_fixture.Reports.History).Exit.ExitCode);
        Assert.True(child.IsDisposed);
        Assert.True(worker.HasCrashed);
    }

    [Fact]
    public async Task An_end_waits_a_second_for_the_link_that_something_else_holds_open()
    {
        var (worker, _) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.End(worker, 0);
        _fixture.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(worker.Gone.IsCompleted);
        _fixture.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(WorkerExitCause.Completed, (await worker.Gone.WaitAsync(Deadline)).Cause);
    }

    [Fact]
    public void A_link_that_closes_is_not_the_end_of_a_process_that_still_runs()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.CloseLink(worker);
        Assert.Equal(WorkerState.Disconnected, worker.State);
        Assert.False(worker.Gone.IsCompleted);
        _fixture.Advance(worker.Options.DrainTimeout);
        Assert.Equal(1, child.Kills);
    }

    [Fact]
    public async Task What_an_observer_throws_does_not_keep_an_end_from_those_who_wait_for_it()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.Observer.Throws = true;
        _fixture.CloseLink(worker);
        _fixture.End(worker, 0);
        Assert.Equal(WorkerExitCause.Completed, (await worker.Gone.WaitAsync(Deadline)).Cause);
        await _fixture.Events.FlushAsync();
        Assert.Contains("exited 1 Completed", _fixture.Raised);
        Assert.True(child.IsDisposed);
        Assert.Contains(_fixture.Log.Exceptions, static exception => exception.Message == "the observer fails");
    }

    [Fact]
    public async Task A_signal_of_the_program_is_sent_and_is_the_cause_of_the_end()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.Runner.WantKill(worker, Signal.SIGTERM);
        Assert.Equal([Signal.SIGTERM], child.Signals);
        _fixture.CloseLink(worker);
        _fixture.End(worker, null, Signal.SIGTERM);
        Assert.Equal(WorkerExitCause.Killed, (await worker.Gone.WaitAsync(Deadline)).Cause);
        _fixture.Runner.WantKill(worker, Signal.SIGTERM);
        Assert.Single(child.Signals);
    }

    [Fact]
    public async Task A_worker_that_is_cut_off_is_killed_and_its_first_fault_is_the_reason()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.On(() =>
        {
            _fixture.Runner.CutOff(worker, "it broke the protocol.");
            _fixture.Runner.CutOff(worker, "it broke it again.");
            return true;
        });
        Assert.Equal(2, child.Kills);
        _fixture.CloseLink(worker);
        _fixture.End(worker, null, Signal.SIGKILL);
        var exit = await worker.Gone.WaitAsync(Deadline);
        Assert.Equal(WorkerExitCause.Crashed, exit.Cause);
        Assert.Equal("it broke the protocol.", exit.Reason);
    }

    [Fact]
    public async Task A_hung_worker_is_reported_before_it_is_killed()
    {
        var (worker, child) = _fixture.Add();
        _fixture.Greet(worker);
        _fixture.On(() =>
        {
            _fixture.Runner.Apply(worker, LifecycleEvent.HeartbeatLost);
            return true;
        });
        Assert.Equal(1, child.Kills);
        Assert.Equal(["up 1", "going 1 Failed"], _fixture.Observer.Seen);
        await _fixture.Events.FlushAsync();
        Assert.Contains("hung 1", _fixture.Raised);
        _fixture.CloseLink(worker);
        _fixture.End(worker, null, Signal.SIGKILL);
        Assert.Equal(WorkerExitCause.Hung, (await worker.Gone.WaitAsync(Deadline)).Cause);
    }

    public void Dispose() => _fixture.Dispose();
}
