using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>Carries out what the fleet decides. Belongs to the cluster's loop.</summary>
/// <param name="starter">The starter of workers.</param>
/// <param name="runner">The runner of their lives.</param>
/// <param name="reports">Told how many workers are ready, and that the cluster gives up.</param>
/// <param name="logger">The log.</param>
internal sealed class FleetHost(WorkerStarter starter, LifecycleRunner runner, WorkerReports reports, ILogger logger) : IFleetHost
{
    public IFleetWorker Start(in FleetSeat seat, ClusterOptions options) =>
        starter.Start(seat, options, null, Lifecycle.Start(expectsReady: true, options.ReadyWhen == ReadyWhen.Listening));

    public void Admit(IFleetWorker worker, int slot)
    {
        var admitted = (WorkerHandle)worker;
        admitted.MoveTo(slot);
        admitted.IsAdmitted = true;
        OrCutOff(admitted, () =>
        {
            reports.CountReady();
            admitted.Send(new ControlMessage.Admitted(slot));
            runner.AdmitIfUp(admitted);
        });
    }

    public void Leave(IFleetWorker worker, string reason, bool isRecycled)
    {
        var leaving = (WorkerHandle)worker;
        leaving.LeaveReason ??= reason;
        OrCutOff(leaving, () => runner.Apply(leaving, isRecycled ? LifecycleEvent.RecycleWanted : LifecycleEvent.LeaveWanted));
    }

    public void GiveUp()
    {
        logger.GivenUp();
        reports.Observer?.Exhausted();
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
            runner.CutOff(worker, $"the primary failed: {exception.GetType().Name}: {exception.Message}");
        }
    }
}
