using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Fleet;

/// <summary>
/// A fleet and its renewal without processes: the test says when a worker is up and how it ends. Time stands still until the test lets it
/// pass; what is posted to the loop runs in <see cref="Settle"/>. What was done is told in <see cref="Log"/>.
/// </summary>
internal sealed class FakeCluster : SynchronizationContext, IFleetHost
{
    private readonly ConcurrentQueue<Action> _posted = new();
    private int _lastId;

    public FakeCluster(ClusterOptions options, int processors = 4, Func<IFleetWorker, CancellationToken, Task>? probe = null)
    {
        SetSynchronizationContext(this);
        Fleet = new WorkerFleet(this, Numbers, options, Time, NullLogger.Instance, _posted.Enqueue, processors);
        Replacement = new RollingReplacement(Fleet, this, probe, Time, NullLogger.Instance, new ClusterMetrics());
    }

    public FakeTime Time { get; } = new();

    public SlotNumbers Numbers { get; } = new();

    public WorkerFleet Fleet { get; }

    public RollingReplacement Replacement { get; }

    public List<string> Log { get; } = [];

    public Dictionary<int, FakeWorker> Workers { get; } = [];

    /// <summary>Whether workers are up as soon as they are started.</summary>
    public bool BootAtOnce { get; set; }

    /// <summary>Whether workers end as soon as they are told to leave.</summary>
    public bool LeaveAtOnce { get; set; } = true;

    public bool CannotStart { get; set; }

    public bool HasGivenUp { get; private set; }

    /// <summary>How many are ready, in their slots.</summary>
    public int Ready => Fleet.Slots.Count(static slot => slot.Worker is { IsUp: true, IsGoing: false });

    /// <summary>The fewest that were ready at any time since the last look.</summary>
    public int FewestReady { get; set; } = int.MaxValue;

    /// <summary>The most workers that were alive at any time.</summary>
    public int MostAlive { get; private set; }

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue(() => d(state));

    /// <summary>Runs what was posted until the task is done: with what runs elsewhere it may take a moment.</summary>
    public T Complete<T>(Task<T> task)
    {
        var patience = Environment.TickCount64 + 10_000;
        while (!task.IsCompleted)
        {
            if (Environment.TickCount64 > patience)
                throw new TimeoutException($"Not done within 10 s. {string.Join("; ", Log)}");
            if (_posted.TryDequeue(out var action))
                Run(action);
            else
                Task.WhenAny(task).Wait(1); // Waiting thus, not spinning: the pool then adds a thread at once where it needs one.
        }
        Settle();
        return task.GetAwaiter().GetResult();
    }

    /// <summary>Runs what was posted until it is so.</summary>
    public void Until(Func<bool> condition) => Complete(Task.Run(async () =>
    {
        while (!condition())
            await Task.Yield();
        return true;
    }));

    /// <summary>Runs what was posted, until nothing is.</summary>
    public void Settle()
    {
        while (_posted.TryDequeue(out var action))
            Run(action);
    }

    public void Pass(double seconds) => Time.Advance(TimeSpan.FromSeconds(seconds), Settle);

    /// <summary>Starts all workers, up.</summary>
    public void Start()
    {
        Fleet.StartFirst();
        if (!BootAtOnce)
            Up(1);
        var others = Fleet.StartOthers();
        while (!others.IsCompleted)
        {
            foreach (var worker in Workers.Values.Where(worker => worker is { IsUp: false, IsGoing: false }).ToList())
                Up(worker.Id);
            Settle();
            Task.WhenAny(others).Wait(1);
        }
        while (Fleet.Standby.Count < Fleet.Options.StandbyWorkers || Fleet.Standby.Any(worker => !worker.IsUp))
            Up(Fleet.Standby[^1].Id);
        Log.Clear();
        FewestReady = int.MaxValue;
    }

    public void Up(int id)
    {
        var worker = Workers[id];
        worker.UpSince = Time.GetTimestamp();
        worker.SetBooted();
        Fleet.Up(worker);
        Settle();
    }

    /// <summary>The worker's process ends.</summary>
    public void End(int id, WorkerExitCause cause = WorkerExitCause.Crashed, int code = 1)
    {
        var worker = Workers[id];
        worker.IsGoing = true;
        var exit = new WorkerExit(cause, code, null);
        Fleet.Ended(worker, exit);
        Workers.Remove(id);
        worker.SetGone(exit);
        Settle();
    }

    IFleetWorker IFleetHost.Start(in FleetSeat candidate, ClusterOptions options)
    {
        if (CannotStart)
            throw new ClusterException("no such program");
        var worker = new FakeWorker(++_lastId, candidate.Slot, candidate.Generation) { IsAdmitted = candidate.IsAdmitted };
        Workers.Add(worker.Id, worker);
        MostAlive = Math.Max(MostAlive, Workers.Count);
        Log.Add($"start {worker.Id} in {candidate.Slot}");
        if (BootAtOnce)
            _posted.Enqueue(() => Up(worker.Id));
        return worker;
    }

    void IFleetHost.Admit(IFleetWorker worker, int slot)
    {
        var admitted = (FakeWorker)worker;
        (admitted.IsAdmitted, admitted.Slot) = (true, slot);
        Log.Add($"admit {worker.Id} to {slot}");
    }

    void IFleetHost.Leave(IFleetWorker worker, string reason, bool isRecycled)
    {
        var leaving = (FakeWorker)worker;
        if (leaving.IsGoing)
            return;
        leaving.IsGoing = true;
        Log.Add($"leave {worker.Id}");
        Fleet.Going(worker, WorkerEnd.Left);
        if (LeaveAtOnce)
            _posted.Enqueue(() => End(worker.Id, isRecycled ? WorkerExitCause.Recycled : WorkerExitCause.Requested, 0));
    }

    void IFleetHost.GiveUp() => HasGivenUp = true;

    private void Run(Action action)
    {
        action();
        FewestReady = Math.Min(FewestReady, Workers.Values.Count(worker => worker is { IsUp: true, IsGoing: false, IsAdmitted: true }));
    }

    internal sealed class FakeWorker(int id, int slot, int generation) : IFleetWorker
    {
        private readonly TaskCompletionSource<IReadOnlyCollection<string>?> _booted = new();
        private readonly TaskCompletionSource<WorkerExit> _gone = new();

        public int Id => id;

        public int Slot { get; set; } = slot;

        public int Generation => generation;

        public bool IsAdmitted { get; set; }

        public bool IsUp => UpSince != 0;

        public bool IsGoing { get; set; }

        public long UpSince { get; set; }

        public WorkerLoad Load { get; set; }

        public Task<IReadOnlyCollection<string>?> Booted => _booted.Task;

        public Task<WorkerExit> Gone => _gone.Task;

        public DrainOutcome DrainOutcome { get; set; }

        public Task<IReadOnlyList<string>> LastErrors => Task.FromResult<IReadOnlyList<string>>(["its last line"]);

        public void SetBooted() => Elsewhere(() => _booted.TrySetResult([]));

        public void SetGone(WorkerExit exit) => Elsewhere(() =>
        {
            _booted.TrySetResult(null);
            _gone.TrySetResult(exit);
        });

        /// <summary>As from another thread, but at once: what awaits it on the loop is posted there, in an order that is always the same.</summary>
        private static void Elsewhere(Action action)
        {
            var loop = Current;
            SetSynchronizationContext(null);
            try
            {
                action();
            }
            finally
            {
                SetSynchronizationContext(loop);
            }
        }
    }
}
