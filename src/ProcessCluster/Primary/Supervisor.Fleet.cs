using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>What a cluster that keeps its number of workers is told, and has done.</summary>
internal sealed partial class Supervisor
{
    /// <summary>Told on the loop of each worker whose boot is over.</summary>
    public Action<WorkerHandle>? Up { get; set; }

    /// <summary>Told on the loop of each worker that will serve no more, while its process is still there.</summary>
    public Action<WorkerHandle, WorkerEnd>? Going { get; set; }

    /// <summary>Told on the loop about once a second, when what workers do has been looked at.</summary>
    public Action? Sampled { get; set; }

    /// <summary>Told on the loop when the cluster shall end for want of workers.</summary>
    public Action? Exhausted { get; set; }

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
        Exhausted?.Invoke();
    }
}
