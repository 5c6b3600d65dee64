using System.Collections.Concurrent;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Messaging;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary;

/// <summary>The starter of workers: all of one is there, or nothing. Belongs to the cluster's loop.</summary>
/// <param name="workers">Those that are not dead. A new one is put in.</param>
/// <param name="loop">The cluster's.</param>
/// <param name="messaging">The options and handlers of messages.</param>
/// <param name="ports">The cluster's ports.</param>
/// <param name="output">Passes on what workers write.</param>
/// <param name="heartbeats">Asks for signs of life.</param>
/// <param name="runner">The runner of their lives.</param>
/// <param name="receiver">The receiver of what they say.</param>
/// <param name="reports">Told of each that was started.</param>
internal sealed class WorkerStarter(
    ConcurrentDictionary<int, ClusterWorker> workers,
    EventLoop loop,
    MessagingScope messaging,
    PortTable ports,
    OutputRelay output,
    Heartbeats heartbeats,
    LifecycleRunner runner,
    ControlReceiver receiver,
    WorkerReports reports)
{
    private int _lastId;

    /// <summary>Gets or sets the callback before each step of a start; what it throws is that step's failure. For tests.</summary>
    public Action<StartStep>? Reached { get; set; }

    /// <exception cref="ClusterException">It could not be started.</exception>
    /// <exception cref="ArgumentException">The environment has a variable that cannot be.</exception>
    public WorkerHandle Start(in FleetSeat seat, ClusterOptions options, IReadOnlyDictionary<string, string?>? environment, Lifecycle life)
    {
        var place = new WorkerPlace(_lastId + 1, seat.Slot, seat.Generation, !seat.IsAdmitted);
        ChildProcess? child = null;
        WorkerHandle? worker = null;
        ExitWatch? exit = null;
        try
        {
            Reached?.Invoke(StartStep.Preparing);
            var start = WorkerLaunch.For(place, options, environment);
            child = ChildProcess.Start(start, Reached);
            worker = new WorkerHandle(place, child, options, life, runner)
            {
                BootIsAwaited = seat.BootIsAwaited,
                IsAdmitted = seat.IsAdmitted,
                Started = messaging.Time.GetUtcNow(),
                Files = RuntimeFiles.Of(child.Id, start.Environment),
            };
            exit = new ExitWatch(loop, runner, worker);
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
        reports.Forked(worker);
        return worker;
    }

    /// <summary>All that can fail of what makes a process a worker. What it says and its end are heard of when the loop is done with this.</summary>
    private void Prepare(WorkerHandle worker, ExitWatch exit)
    {
        Reached?.Invoke(StartStep.Linking);
        worker.Connect(loop, messaging, receiver.PeerOf(worker));
        Reached?.Invoke(StartStep.PassingOn);
        worker.PassOn(output);
        Reached?.Invoke(StartStep.Seating);
        workers[worker.Id] = worker;
        AddToPorts(worker);
        Reached?.Invoke(StartStep.Registering);
        loop.Add(exit, worker.Child.ExitDescriptor, EpollEvents.Readable | EpollEvents.EdgeTriggered);
        exit.IsWatching = true;
        Reached?.Invoke(StartStep.Timing);
        runner.StartBootTimer(worker);
        heartbeats.Watch(worker.Options);
        Reached?.Invoke(StartStep.Reading);
        worker.Link!.Start();
    }

    private void AddToPorts(WorkerHandle worker)
    {
        try
        {
            ports.Add(worker);
        }
        catch
        {
            try
            {
                ports.Failover.Quarantine.Remove(worker.Board); // It must not look at memory that is gone.
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
            workers.TryRemove(worker.Id, out _);
            reports.Guard(() => ports.Remove(worker));
            if (exit is { IsWatching: true })
                reports.Guard(() => loop.Remove(exit, child.ExitDescriptor));
            reports.Guard(worker.Abandon);
        }
        else
        {
            child.StandardOutput?.Dispose();
            child.StandardError.Dispose();
        }
        child.Abandon();
    }

    private sealed class ExitWatch(EventLoop loop, LifecycleRunner runner, WorkerHandle worker) : EventLoop.Watch
    {
        /// <summary>Gets whether the loop watches it.</summary>
        public bool IsWatching { get; set; }

        public override void OnReady(EpollEvents events)
        {
            // The event may have been meant for the watch that had this slot before.
            if (worker.ExitSeen || !worker.Child.HasEnded)
                return;
            loop.Remove(this, worker.Child.ExitDescriptor);
            runner.ExitSeen(worker);
        }
    }
}
