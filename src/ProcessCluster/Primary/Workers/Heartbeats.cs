using System.Collections.Concurrent;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// Asks workers for signs of life, and looks at what they do. One timer for all, as long as there are workers. Belongs to the cluster's loop.
/// </summary>
internal sealed class Heartbeats(
    TimeProvider time, Action<Action> post, ConcurrentDictionary<int, ClusterWorker> workers, Action<WorkerHandle> hung, Action sampled)
{
    private static readonly TimeSpan ShortestTick = TimeSpan.FromMilliseconds(50), LongestTick = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(1);

    /// <summary>More than a worker can serve at once, and than all of its requests can have taken.</summary>
    private const int MaxInFlight = 1 << 24;

    private static readonly TimeSpan MaxBusy = TimeSpan.FromDays(365_000);

    private ITimer? _timer;
    private TimeSpan _tick;
    private long _last;
    private long _lastSample;
    private int _sequence;

    /// <summary>There is a worker with these options: time matters from now on.</summary>
    public void Watch(ClusterOptions options)
    {
        var tick = TimeSpan.FromTicks(Math.Clamp(options.HeartbeatInterval.Ticks / 2, ShortestTick.Ticks, LongestTick.Ticks));
        if (_timer is not null && tick >= _tick)
            return;
        _timer?.Dispose();
        _tick = tick;
        _last = _lastSample = time.GetTimestamp();
        _timer = time.CreateTimer(_ => post(Tick), null, tick, tick);
    }

    /// <summary>The worker has given a sign of life.</summary>
    public void Answered(WorkerHandle worker, ControlMessage.Pong pong)
    {
        worker.Heartbeat = HeartbeatState.Answered(worker.Heartbeat);
        worker.IsDebugged = pong.IsDebugged;
        var now = time.GetTimestamp();
        // Within what can be: sums of what workers claim must not run over.
        var busy = TimeSpan.FromTicks(Math.Clamp(pong.Busy.Ticks, 0, MaxBusy.Ticks));
        worker.Load = worker.Load.Next(
            Math.Max(0, pong.Requests), Math.Clamp(pong.InFlight, 0, MaxInFlight), busy, now, time.GetElapsedTime(worker.Load.At, now));
    }

    private void Tick()
    {
        if (_timer is null)
            return;
        if (workers.IsEmpty)
        {
            _timer.Dispose();
            _timer = null;
            return;
        }
        var now = time.GetTimestamp();
        var step = time.GetElapsedTime(_last, now);
        _last = now;
        foreach (var worker in workers.Values.Cast<WorkerHandle>())
            Beat(worker, step);
        if (time.GetElapsedTime(_lastSample, now) + (_tick / 2) < SampleEvery)
            return; // With the nearest tick: the next one might be late by a hair, and the sample by a tick.
        _lastSample = now;
        foreach (var worker in workers.Values.Cast<WorkerHandle>())
        {
            if (worker.Options.Recycle.MaxMemory > 0)
                worker.Load = worker.Load with { Memory = ProcessStatus.ResidentBytes(worker.ProcessId) };
        }
        sampled();
    }

    private void Beat(WorkerHandle worker, TimeSpan step)
    {
        if (!worker.IsUp || worker.IsGoing)
            return;
        var (next, action) = HeartbeatState.Pass(worker.Heartbeat, step, _tick, worker.Options);
        worker.Heartbeat = next;
        switch (action)
        {
            case PulseAction.Ask:
                worker.Send(new ControlMessage.Ping(++_sequence));
                break;
            case PulseAction.Hung when !worker.IsDebugged:
                hung(worker);
                break;
        }
    }
}
