using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Fleet;

/// <summary>The supervisor as the fleet sees it: it carries out decisions about workers. All on the cluster's loop.</summary>
internal interface IFleetHost
{
    /// <summary>Starts a worker.</summary>
    /// <exception cref="Exception">It cannot be started, whatever the reason. Nothing is left of the attempt.</exception>
    IFleetWorker Start(in FleetSeat seat, ClusterOptions options);

    /// <summary>The worker gets connections from now on, and has this slot.</summary>
    void Admit(IFleetWorker worker, int slot);

    /// <summary>The worker drains and ends.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="reason">For its record: why.</param>
    /// <param name="isRecycled">True when a recycling rule wants it.</param>
    void Leave(IFleetWorker worker, string reason, bool isRecycled);

    /// <summary>No worker is ready and none will be tried soon: the cluster shall end.</summary>
    void GiveUp();
}

/// <summary>The place in which a worker is started.</summary>
/// <param name="Slot">The slot's number.</param>
/// <param name="Generation">The generation.</param>
/// <param name="IsAdmitted">True when it gets connections as soon as it is up.</param>
/// <param name="BootIsAwaited">True when somebody reports the failure of its boot, so that the log need not.</param>
internal readonly record struct FleetSeat(int Slot, int Generation, bool IsAdmitted, bool BootIsAwaited);
