using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary;

/// <summary>
/// A cluster that keeps its number of workers, from its start to its end: brings together the fleet, its renewal, automatic scaling and the
/// signals for these. Thread-safe, unless said otherwise.
/// </summary>
internal sealed class ManagedFleet : ISupervisorObserver, IDisposable
{
    private readonly Supervisor _supervisor;
    private readonly ClusterOptions _options;
    private readonly ILogger _logger;
    private readonly WorkerFleet _fleet;
    private readonly RollingReplacement _replacement;
    private readonly TerminalWatch _terminal;
    private readonly TimeProvider _time;
    private ClusterSignals? _signals;
    private Autoscaler _autoscaler;
    private readonly Action _giveUp;
    private int _reloadAsked;
    private bool _isStopped;

    /// <summary>Called on the loop.</summary>
    public ManagedFleet(Supervisor supervisor, ClusterOptions options, TimeProvider time, ILogger logger, TerminalWatch terminal, Action giveUp)
    {
        _supervisor = supervisor;
        _options = options;
        _logger = logger;
        _time = time;
        _terminal = terminal;
        _fleet = new WorkerFleet(supervisor.FleetHost, supervisor.SlotNumbers, options, time, logger, supervisor.Loop.Post, Environment.ProcessorCount);
        Func<Workers.IFleetWorker, CancellationToken, Task>? check = options.ReadyProbe is { } probe ? (worker, token) => probe((ClusterWorker)worker, token) : null;
        _replacement = new RollingReplacement(_fleet, supervisor.FleetHost, check, time, logger, supervisor.Metrics) { Reloading = supervisor.NotifyReloading };
        _giveUp = giveUp;
        supervisor.Observer = this;
    }

    /// <exception cref="ClusterStartException">The first worker ended before it was ready.</exception>
    public async Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken)
    {
        _signals = new ClusterSignals(_terminal, _time, _logger, AskReload, AskScale);
        var first = _supervisor.Loop.Invoke(_fleet.StartFirst);
        if (await first.Booted.WaitAsync(cancellationToken).ConfigureAwait(false) is not { } addresses)
        {
            var exit = await first.ExplainAsync(await first.Gone.WaitAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            throw new ClusterStartException($"The cluster could not start: {first} {exit}", first.Id, exit);
        }
        await _supervisor.Loop.Invoke(_fleet.StartOthers).WaitAsync(cancellationToken).ConfigureAwait(false);
        _supervisor.Loop.Post(_supervisor.NotifyStarted);
        return [.. addresses];
    }

    public Task<ReloadResult> ReloadAsync() => OffLoop(_supervisor.Loop.Invoke(_replacement.ReloadAsync));

    public async Task ScaleAsync(int workers, ScaleDownOrder order)
    {
        var (added, going) = _supervisor.Loop.Invoke(() => Scale(workers, order));
        await Task.WhenAll(going.Select(static worker => worker.Gone)).ConfigureAwait(false);
        foreach (var slot in added)
        {
            var worker = await slot.FirstBoot.ConfigureAwait(false);
            if (slot.StartFailure is { } failure)
                throw new ClusterStartException($"The cluster could not be scaled to {workers}: {failure.Message}", failure);
            if (worker is { IsUp: false } && await worker.ExplainAsync(await worker.Gone.ConfigureAwait(false)).ConfigureAwait(false) is var exit)
                throw new ClusterStartException($"The cluster could not be scaled to {workers}: {worker} {exit}", worker.Id, exit);
        }
    }

    /// <summary>Called on the loop, before the workers are told to leave: nobody is replaced from now on.</summary>
    public void Stop()
    {
        _fleet.Stop();
        _replacement.Stop();
        _isStopped = true;
    }

    /// <summary>The last worker is gone: signals mean again what they meant before.</summary>
    public void Dispose() => _signals?.Dispose();

    /// <summary>A task that ends on the loop goes on elsewhere: what follows is the program's.</summary>
    private static Task<T> OffLoop<T>(Task<T> task) => task.ContinueWith(
        static ended => ended, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Unwrap();

    private (IReadOnlyList<Slot> Added, IReadOnlyList<Workers.IFleetWorker> Going) Scale(int workers, ScaleDownOrder order)
    {
        if (_fleet.IsStopped)
            throw new InvalidOperationException("The cluster is being disconnected and cannot be scaled.");
        if (workers != _fleet.Slots.Count)
            _logger.Scaling(_fleet.Slots.Count, workers);
        return _fleet.Scale(workers, order);
    }

    void ISupervisorObserver.Up(WorkerHandle worker) => _fleet.Up(worker);

    void ISupervisorObserver.Going(WorkerHandle worker, WorkerEnd end) => _fleet.Going(worker, end);

    void ISupervisorObserver.Ended(WorkerHandle worker, WorkerExit exit) => _fleet.Ended(worker, exit);

    void ISupervisorObserver.Exhausted() => _giveUp();

    void ISupervisorObserver.Sampled()
    {
        if (_isStopped)
            return;
        _replacement.Sample();
        if (_options.MaxWorkers == 0)
            return;
        var workers = _fleet.Slots.Count;
        var share = _fleet.Slots.Average(static slot => slot.Worker?.Load.BusyShare ?? 0);
        (_autoscaler, var wanted) = Autoscaler.On(_autoscaler, workers, share, _supervisor.WaitingConnections, _options.MinWorkers, _options.MaxWorkers);
        if (wanted != workers)
            Scale(wanted, ScaleDownOrder.Youngest);
    }

    private void AskReload()
    {
        // However many come before the loop gets to it, one is asked for.
        if (Interlocked.Exchange(ref _reloadAsked, 1) != 0)
            return;
        _supervisor.Loop.Post(() =>
        {
            Volatile.Write(ref _reloadAsked, 0);
            _ = _replacement.ReloadAsync();
        });
    }

    private void AskScale(int change) => _supervisor.Loop.Post(() =>
    {
        if (!_fleet.IsStopped)
            Scale(Math.Clamp(_fleet.Slots.Count + change, 1, ClusterOptions.MaxWorkerCount), ScaleDownOrder.Youngest);
    });
}
