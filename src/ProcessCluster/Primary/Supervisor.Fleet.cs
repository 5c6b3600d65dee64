using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>The part that the fleet uses: it starts, admits and ends workers, and tells its observer.</summary>
internal sealed partial class Supervisor
{
    /// <summary>Gets or sets the observer of the workers' lives; null where the program forks by hand.</summary>
    public ISupervisorObserver? Observer { get; set; }

    /// <summary>Tells systemd, where there is one, that the cluster is up. Called on the loop.</summary>
    public void NotifyStarted() => _systemd?.Started();

    /// <summary>A reload begins or has ended. Called on the loop.</summary>
    public void NotifyReloading(bool isUnderWay)
    {
        _ports.IsReloading = isUnderWay;
        Guard(() => _systemd?.Reloading(isUnderWay));
    }

    private void NotifyReady() => _systemd?.Ready(
        Workers.Values.Count(static worker => worker is WorkerHandle { IsUp: true, IsGoing: false, IsStandby: false }));

    /// <summary>At once, unless what it wrote last is to be in it.</summary>
    private async Task LogEndAsync(WorkerHandle worker, WorkerExit exit)
    {
        var told = await worker.ExplainAsync(exit).ConfigureAwait(false);
        if (told is { IsUnexplained: false, Cause: WorkerExitCause.Requested or WorkerExitCause.Completed or WorkerExitCause.Killed or WorkerExitCause.Recycled })
            _logger.WorkerLeft(worker.Id, worker.ProcessId, told);
        else if (worker.Life.IsUp || !worker.BootIsAwaited)
            _logger.WorkerLost(worker.Id, worker.ProcessId, told);
    }

    IFleetWorker IFleetHost.Start(in FleetSeat candidate, ClusterOptions options) =>
        Fork(candidate, options, null, Lifecycle.Start(expectsReady: true, options.ReadyWhen == ReadyWhen.Listening));

    void IFleetHost.Admit(IFleetWorker worker, int slot)
    {
        var admitted = (WorkerHandle)worker;
        admitted.MoveTo(slot);
        admitted.IsAdmitted = true;
        OrCutOff(admitted, () =>
        {
            NotifyReady();
            admitted.Send(new ControlMessage.Admitted(slot));
            AdmitIfUp(admitted);
        });
    }

    void IFleetHost.Leave(IFleetWorker worker, string reason, bool isRecycled)
    {
        var leaving = (WorkerHandle)worker;
        leaving.LeaveReason ??= reason;
        OrCutOff(leaving, () => Apply(leaving, isRecycled ? LifecycleEvent.RecycleWanted : LifecycleEvent.LeaveWanted));
    }

    /// <summary>A worker that cannot be had do what the fleet wants ends, so that another one follows and nobody waits for it for ever.</summary>
    private void OrCutOff(WorkerHandle worker, Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            CutOff(worker, $"the primary failed: {exception.GetType().Name}: {exception.Message}");
        }
    }

    void IFleetHost.GiveUp()
    {
        _logger.GivenUp();
        Observer?.Exhausted();
    }
}
