using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Fleet;

/// <summary>A place in which one worker after another lives. Belongs to the fleet.</summary>
internal sealed class Slot(int number)
{
    private readonly TaskCompletionSource<IFleetWorker?> _firstBoot = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ITimer? _timer;

    public int Number { get; } = number;

    /// <summary>Gets or sets the worker of this slot: booting, or in dispatch.</summary>
    public IFleetWorker? Worker { get; set; }

    /// <summary>Gets or sets the worker that is to replace it.</summary>
    public IFleetWorker? Successor { get; set; }

    public RestartBudget Restarts { get; set; } = RestartBudget.Fresh;

    /// <summary>Gets or sets whether the slot has no worker and will not have one soon: its budget is used up, or its worker's end is one that is not followed by a restart.</summary>
    public bool IsResting { get; set; }

    /// <summary>When the worker is to be replaced though nothing is wrong with it.</summary>
    public RecycleLimits Limits { get; set; }

    /// <summary>Completes with the first worker that ended its boot here, whether it is up or not; with null when none could be started.</summary>
    public Task<IFleetWorker?> FirstBoot => _firstBoot.Task;

    /// <summary>Why none could be started, where <see cref="FirstBoot"/> gave null for that.</summary>
    public Exception? StartFailure { get; private set; }

    public void Booted(IFleetWorker? worker) => _firstBoot.TrySetResult(worker);

    public void NotStarted(Exception reason)
    {
        if (_firstBoot.Task.IsCompleted)
            return;
        StartFailure = reason; // Before whoever waits is told.
        _firstBoot.TrySetResult(null);
    }

    /// <summary>Sets the timer that runs until another worker is tried here.</summary>
    public void SetTimer(ITimer? timer)
    {
        _timer?.Dispose();
        _timer = timer;
    }
}
