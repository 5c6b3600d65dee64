using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Fleet;

/// <summary>
/// Keeps a number of workers, each in its slot: starts them, and another one for each that ends, by the rules of <see cref="RestartBudget"/>;
/// keeps standby workers; adds and takes away slots. The first worker starts alone; only when it is up do the others follow, so that a
/// program that cannot start fails once. Belongs to the cluster's loop.
/// </summary>
internal sealed class WorkerFleet
{
    private readonly IFleetHost _host;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action<Action> _post;
    private readonly int _parallelBoots;
    private readonly List<Slot> _slots = [];
    private readonly Queue<Slot> _pendingBoots = new();
    private readonly List<IFleetWorker> _standby = [];
    private readonly SlotNumbers _numbers;
    private readonly HashSet<IFleetWorker> _booting = [];
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RestartBudget _standbyRestarts = RestartBudget.Fresh;
    private ITimer? _standbyTimer;
    private bool _standbyWaits;
    private bool _isUp;

    /// <param name="host">Does what is decided.</param>
    /// <param name="numbers">Gives numbers to slots and standby workers.</param>
    /// <param name="options">The rules.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="post">Has an action run on the loop.</param>
    /// <param name="processors">The number of workers that may boot at the same time.</param>
    public WorkerFleet(
        IFleetHost host, SlotNumbers numbers, ClusterOptions options, TimeProvider time, ILogger logger, Action<Action> post, int processors)
    {
        _host = host;
        _numbers = numbers;
        Options = options;
        _time = time;
        _logger = logger;
        _post = post;
        _parallelBoots = Math.Max(1, processors);
        while (_slots.Count < options.FirstWorkers(processors))
            _slots.Add(new Slot(_numbers.Take()));
    }

    public ClusterOptions Options { get; }

    public IReadOnlyList<Slot> Slots => _slots;

    public IReadOnlyList<IFleetWorker> Standby => _standby;

    /// <summary>The generation of the workers that are started now.</summary>
    public int Generation { get; set; } = 1;

    public bool IsStopped { get; private set; }

    /// <summary>Completes when the first worker is up, or nobody is to be started any more.</summary>
    public Task Started => _started.Task;

    /// <summary>Starts the first worker.</summary>
    public IFleetWorker StartFirst()
    {
        var slot = _slots[0];
        slot.Worker = Start(new FleetSeat(slot.Number, Generation, IsAdmitted: true, BootIsAwaited: true));
        return slot.Worker;
    }

    /// <summary>The first one is up: starts the others. Completes when each has ended its boot, one way or the other.</summary>
    public Task StartOthers()
    {
        _isUp = true;
        foreach (var slot in _slots)
            Fill(slot);
        FillStandby();
        _started.TrySetResult();
        return Task.WhenAll(_slots.Select(static slot => slot.FirstBoot));
    }

    /// <summary>Starts no more.</summary>
    public void Stop()
    {
        IsStopped = true;
        _started.TrySetResult();
        _standbyTimer?.Dispose();
        foreach (var slot in _slots)
        {
            slot.SetTimer(null);
            slot.Booted(slot.Worker);
            _numbers.GiveBack(slot.Number); // For the next start: until all workers are gone nobody takes one.
        }
        foreach (var worker in _standby)
            _numbers.GiveBack(worker.Slot);
    }

    /// <summary>Starts a worker that is not in its slot yet.</summary>
    /// <exception cref="Exception">It cannot be started.</exception>
    public IFleetWorker StartSuccessor(Slot slot, int generation) =>
        // Not one of those that wait for each other's boot: there is one at a time, and it may never come up.
        slot.Successor = _host.Start(new FleetSeat(slot.Number, generation, IsAdmitted: false, BootIsAwaited: true), Options);

    /// <summary>The successor takes the slot; the worker that had it, if any, is given back.</summary>
    public IFleetWorker? Succeed(Slot slot)
    {
        var old = slot.Worker;
        slot.Worker = slot.Successor;
        slot.Successor = null;
        slot.Restarts = RestartBudget.Fresh;
        slot.IsResting = false;
        slot.SetTimer(null);
        SetLimits(slot);
        return old;
    }

    /// <summary>There is no successor: who lives here stays; if nobody does, the slot is filled as ever.</summary>
    public void DropSuccessor(Slot slot)
    {
        slot.Successor = null;
        Fill(slot);
    }

    /// <summary>A worker's boot is over.</summary>
    public void Up(IFleetWorker worker)
    {
        BootEnded(worker);
        if (_slots.Find(slot => slot.Worker == worker) is { } slot)
        {
            SetLimits(slot);
            slot.Booted(worker);
        }
        FillStandby();
    }

    /// <summary>A worker will serve no more, though its process is still there: another one takes its place now.</summary>
    public void Going(IFleetWorker worker, WorkerEnd end) => Vacate(worker, end);

    /// <summary>A worker's process is gone.</summary>
    public void Ended(IFleetWorker worker, WorkerExit exit)
    {
        BootEnded(worker);
        Vacate(worker, exit switch
        {
            { ExitCode: RestartOptions.ConfigurationErrorExitCode } => WorkerEnd.ConfigurationError,
            { Cause: WorkerExitCause.Completed } => WorkerEnd.Completed,
            { Cause: WorkerExitCause.Requested } => WorkerEnd.Left,
            _ => WorkerEnd.Failed,
        });
    }

    /// <summary>
    /// There shall be so many workers. Gives those that are new or go: what to wait for.
    /// </summary>
    public (IReadOnlyList<Slot> Added, IReadOnlyList<IFleetWorker> Going) Scale(int workers, ScaleDownOrder order)
    {
        List<Slot> added = [];
        List<IFleetWorker> going = [];
        while (_slots.Count < workers)
        {
            var slot = new Slot(_numbers.Take());
            _slots.Add(slot);
            added.Add(slot);
            Fill(slot);
        }
        // One whose successor is under way stays: there is never more than one of those.
        var byAge = _slots.Where(static slot => slot.Successor is null).OrderBy(static slot => slot.Worker?.Id ?? int.MaxValue).ToList();
        if (order == ScaleDownOrder.Youngest)
            byAge.Reverse();
        foreach (var slot in byAge.OrderByDescending(static slot => slot.Worker is null).Take(_slots.Count - workers))
        {
            _slots.Remove(slot);
            _numbers.GiveBack(slot.Number);
            slot.SetTimer(null);
            slot.Booted(null);
            if (slot.Worker is not { } worker)
                continue;
            going.Add(worker);
            _host.Leave(worker, "scaled down", isRecycled: false);
        }
        return (added, going);
    }

    /// <summary>The standby workers of older generations make room for new ones.</summary>
    public void RenewStandby()
    {
        foreach (var worker in _standby.Where(worker => worker.Generation < Generation).ToList())
        {
            RemoveStandby(worker);
            _host.Leave(worker, $"replaced by generation {Generation}", isRecycled: false);
        }
        FillStandby();
    }

    private IFleetWorker Start(in FleetSeat candidate)
    {
        var worker = _host.Start(candidate, Options);
        _booting.Add(worker);
        return worker;
    }

    private void BootEnded(IFleetWorker worker)
    {
        if (!_booting.Remove(worker))
            return;
        while (_booting.Count < _parallelBoots && _pendingBoots.TryDequeue(out var slot))
            Fill(slot);
    }

    private void Vacate(IFleetWorker worker, WorkerEnd end)
    {
        if (RemoveStandby(worker))
        {
            StandbyEnded(worker, end);
            return;
        }
        if (_slots.Find(slot => slot.Worker == worker) is not { } slot)
            return;
        slot.Worker = null;
        if (IsStopped || !_isUp)
            return; // A first one that fails is the failure of the start.
        slot.Booted(worker);
        var (next, decision) = slot.Restarts.After(end, UpFor(worker), Options.Restart, Noise());
        slot.Restarts = next;
        Follow(slot, decision);
    }

    private void Follow(Slot slot, RestartDecision decision)
    {
        switch (decision.Kind)
        {
            case RestartKind.None:
                slot.IsResting = true;
                _logger.SlotGivenUp(slot.Number);
                GiveUpIfExhausted();
                return;
            case RestartKind.Rest:
                slot.IsResting = true;
                _logger.BreakerOpened(slot.Number, Options.Restart.MaxRestarts, Options.Restart.Window, decision.Delay);
                FillAfter(slot, decision.Delay);
                GiveUpIfExhausted();
                return;
            default:
                if (TakeStandby(slot))
                    FillStandbyAfter(decision.Delay);
                else
                    FillAfter(slot, decision.Delay);
                return;
        }
    }

    private void FillAfter(Slot slot, TimeSpan delay)
    {
        if (delay == TimeSpan.Zero)
        {
            Fill(slot);
            return;
        }
        if (!slot.IsResting)
            _logger.ReplacementDelayed(slot.Number, delay);
        slot.SetTimer(After(delay, () =>
        {
            slot.IsResting = false;
            Fill(slot);
        }));
    }

    private void Fill(Slot slot)
    {
        if (IsStopped || !_isUp || slot.Worker is not null || slot.Successor is not null || slot.IsResting || !_slots.Contains(slot))
            return;
        slot.SetTimer(null);
        if (TakeStandby(slot))
        {
            FillStandby();
            return;
        }
        if (_booting.Count >= _parallelBoots)
        {
            if (!_pendingBoots.Contains(slot))
                _pendingBoots.Enqueue(slot);
            return;
        }
        try
        {
            slot.Worker = Start(new FleetSeat(slot.Number, Generation, IsAdmitted: true, BootIsAwaited: false));
        }
        catch (Exception exception)
        {
            // The program is gone, the system has no room for a process now, or whatever else: it can pass, and the slot must not stay empty for it.
            var (next, decision) = slot.Restarts.After(WorkerEnd.Failed, TimeSpan.Zero, Options.Restart, Noise());
            slot.Restarts = next;
            _logger.ForkFailed(slot.Number, exception);
            slot.NotStarted(exception);
            Follow(slot, decision.Kind == RestartKind.None ? new RestartDecision(RestartKind.Restart, Options.Restart.MaxDelay) : decision);
        }
    }

    private void GiveUpIfExhausted()
    {
        if (Options.Restart.WhenExhausted == WhenExhausted.EndPrimary && _booting.Count == 0
            && _slots.TrueForAll(static slot => slot is { IsResting: true, Successor: null }))
        {
            _host.GiveUp();
        }
    }

    private bool TakeStandby(Slot slot)
    {
        if (_standby.Find(static worker => worker is { IsUp: true, IsGoing: false }) is not { } worker)
            return false;
        RemoveStandby(worker);
        slot.Worker = worker;
        _host.Admit(worker, slot.Number);
        SetLimits(slot);
        slot.Booted(worker);
        _logger.StandbyTookOver(worker.Id, slot.Number);
        return true;
    }

    /// <summary>Standby workers boot one at a time, when every slot has its worker.</summary>
    private void FillStandby()
    {
        if (IsStopped || !_isUp || _standbyWaits || _booting.Count > 0 || _standby.Count >= Options.StandbyWorkers
            || _slots.Exists(static slot => slot is { IsResting: false, Worker: null }))
        {
            return;
        }
        var number = _numbers.Take();
        try
        {
            _standby.Add(Start(new FleetSeat(number, Generation, IsAdmitted: false, BootIsAwaited: false)));
        }
        catch (Exception exception)
        {
            _numbers.GiveBack(number);
            _logger.ForkFailed(number, exception);
            FillStandbyAfter(Options.Restart.MaxDelay);
        }
    }

    private void StandbyEnded(IFleetWorker worker, WorkerEnd end)
    {
        var (next, decision) = _standbyRestarts.After(end, UpFor(worker), Options.Restart, Noise());
        _standbyRestarts = next;
        // They are a comfort: where nobody would follow in a slot, they are tried again as if their budget were used up.
        FillStandbyAfter(decision.Kind == RestartKind.None ? Options.Restart.Window : decision.Delay);
    }

    private void FillStandbyAfter(TimeSpan delay)
    {
        if (delay == TimeSpan.Zero)
        {
            FillStandby();
            return;
        }
        _standbyWaits = true;
        _standbyTimer?.Dispose();
        _standbyTimer = After(delay, () =>
        {
            _standbyWaits = false;
            FillStandby();
        });
    }

    private void SetLimits(Slot slot) => slot.Limits = RecycleLimits.For(Options.Recycle, Random.Shared.NextDouble());

    private TimeSpan UpFor(IFleetWorker worker) => worker.UpSince == 0 ? TimeSpan.Zero : _time.GetElapsedTime(worker.UpSince);

    private bool RemoveStandby(IFleetWorker worker)
    {
        if (!_standby.Remove(worker))
            return false;
        _numbers.GiveBack(worker.Slot);
        return true;
    }

    private ITimer After(TimeSpan delay, Action action) =>
        _time.CreateTimer(_ => _post(action), null, delay, Timeout.InfiniteTimeSpan);

    private static double Noise() => (Random.Shared.NextDouble() * 2) - 1;
}
