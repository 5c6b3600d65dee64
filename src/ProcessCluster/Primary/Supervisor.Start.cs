using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary;

/// <summary>The part that starts a worker: all of it, or nothing.</summary>
internal sealed partial class Supervisor
{
    /// <summary>Told before each step of a worker's start; what it throws is that step's failure. For tests.</summary>
    public Action<StartStep>? Reached { get; set; }

    /// <summary>The numbers of slots, of all workers.</summary>
    public SlotNumbers SlotNumbers { get; } = new();

    /// <summary>Starts a worker that nobody replaces.</summary>
    public WorkerHandle Fork(ClusterOptions options, IReadOnlyDictionary<string, string?>? environment)
    {
        var slot = SlotNumbers.Take();
        try
        {
            var candidate = new FleetSeat(slot, Generation: 1, IsAdmitted: true, BootIsAwaited: false);
            var worker = Fork(candidate, options, environment, Lifecycle.Start(expectsReady: false));
            worker.HasOwnSlot = true;
            return worker;
        }
        catch
        {
            SlotNumbers.GiveBack(slot);
            throw;
        }
    }

    /// <exception cref="ClusterException">It could not be started.</exception>
    /// <exception cref="ArgumentException">The environment has a variable that cannot be.</exception>
    private WorkerHandle Fork(
        in FleetSeat candidate, ClusterOptions options, IReadOnlyDictionary<string, string?>? environment, Lifecycle life)
    {
        var place = new WorkerPlace(_lastId + 1, candidate.Slot, candidate.Generation, !candidate.IsAdmitted);
        ChildProcess? child = null;
        WorkerHandle? worker = null;
        ExitWatch? exit = null;
        try
        {
            Reached?.Invoke(StartStep.Preparing);
            var start = WorkerLaunch.For(place, options, environment);
            child = ChildProcess.Start(start, Reached);
            worker = new WorkerHandle(place, child, options, life, this)
            {
                BootIsAwaited = candidate.BootIsAwaited,
                IsAdmitted = candidate.IsAdmitted,
                Started = _time.GetUtcNow(),
                Files = RuntimeFiles.Of(child.Id, start.Environment),
            };
            exit = new ExitWatch(this, worker);
            Prepare(worker, exit);
        }
        catch (Exception exception)
        {
            if (child is not null)
                Abandon(child, worker, exit);
            throw exception is ClusterException or ArgumentException
                ? exception
                : new ClusterException($"A worker could not be started. {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }

        _lastId = place.Id;
        Guard(() => _telemetry.Forked(worker));
        _logger.WorkerStarted(worker);
        _events.Raise(WorkerEventKind.Forked, new WorkerEventArgs(worker));
        return worker;
    }

    /// <summary>All that can fail of what makes a process a worker. What it says and its end are heard of when the loop is done with this.</summary>
    private void Prepare(WorkerHandle worker, ExitWatch exit)
    {
        Reached?.Invoke(StartStep.Linking);
        worker.Connect(_loop, _messaging, new WorkerPeer(worker, _loop, _router, Locks, Receive, LinkClosed, _time));
        Reached?.Invoke(StartStep.PassingOn);
        worker.PassOn(_output);
        Reached?.Invoke(StartStep.Seating);
        Workers[worker.Id] = worker;
        Candidate(worker);
        Reached?.Invoke(StartStep.Registering);
        _loop.Add(exit, worker.Child.ExitDescriptor, EpollEvents.Readable | EpollEvents.EdgeTriggered);
        exit.IsWatching = true;
        Reached?.Invoke(StartStep.Timing);
        worker.SetTimer(Timer(worker.Options.BootTimeout, worker, LifecycleEvent.BootOverdue));
        _heartbeats.Watch(worker.Options);
        Reached?.Invoke(StartStep.Reading);
        worker.Link!.Start();
    }

    private void Candidate(WorkerHandle worker)
    {
        try
        {
            _ports.Add(worker);
        }
        catch
        {
            try
            {
                _ports.Failover.Quarantine.Remove(worker.Board); // It must not look at memory that is gone.
            }
            catch (KeyNotFoundException)
            {
                // It failed before it got there.
            }
            throw;
        }
    }

    /// <summary>Takes back whatever there is of a worker whose start has failed. Nobody has heard of it.</summary>
    private void Abandon(ChildProcess child, WorkerHandle? worker, ExitWatch? exit)
    {
        if (worker is not null)
        {
            Workers.TryRemove(worker.Id, out _);
            Guard(() => _ports.Remove(worker));
            if (exit is { IsWatching: true })
                Guard(() => _loop.Remove(exit, child.ExitDescriptor));
            Guard(worker.Abandon);
        }
        else
        {
            child.StandardOutput?.Dispose();
            child.StandardError.Dispose();
        }
        child.Abandon();
    }

    /// <summary>Does something on which nothing else depends: what it throws is told, and what comes after it is done.</summary>
    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            _logger.LoopFailed(exception); // A listener of the program's to what is measured, or an error of this library.
        }
    }
}
