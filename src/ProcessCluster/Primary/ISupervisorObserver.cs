using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary;

/// <summary>The keeper of a cluster's number of workers, as the supervisor sees it. Called on the loop.</summary>
internal interface ISupervisorObserver
{
    /// <summary>The worker's boot is over.</summary>
    void Up(WorkerHandle worker);

    /// <summary>The worker will serve no more, though its process is still there.</summary>
    void Going(WorkerHandle worker, WorkerEnd end);

    /// <summary>The worker has ended. Comes before the event is raised.</summary>
    void Ended(WorkerHandle worker, WorkerExit exit);

    /// <summary>The workers' load was sampled, about once a second.</summary>
    void Sampled();

    /// <summary>The cluster is to end for want of workers.</summary>
    void Exhausted();
}
