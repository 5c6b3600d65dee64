using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Primary.Supervision;

/// <summary>
/// Keeps a number of workers: starts them, and a new one for each that ends. The first one starts alone; only when it is up do the
/// others follow, so that a program that cannot start fails once. Belongs to the cluster's loop.
/// </summary>
internal sealed class Fleet
{
    private readonly Supervisor _supervisor;
    private readonly ClusterOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Place[] _places;
    private bool _isUp;
    private bool _stopped;

    public Fleet(Supervisor supervisor, ClusterOptions options, TimeProvider time, ILogger logger)
    {
        (_supervisor, _options, _time, _logger) = (supervisor, options, time, logger);
        _places = new Place[options.ResolveWorkers(Environment.ProcessorCount)];
        for (var i = 0; i < _places.Length; i++)
            _places[i] = new Place();
    }

    /// <summary>Where one worker after another lives.</summary>
    private sealed class Place
    {
        public PrimaryWorker? Worker { get; set; }

        public int ShortLives { get; set; }

        public ITimer? Timer { get; set; }
    }

    /// <summary>Starts the first worker.</summary>
    public PrimaryWorker StartFirst() => _places[0].Worker = _supervisor.Fork(_options, null, expectsReady: true, bootIsAwaited: true);

    /// <summary>The first one is up: starts the others and gives all.</summary>
    public IReadOnlyList<PrimaryWorker> StartOthers()
    {
        _isUp = true;
        foreach (var place in _places)
            Fill(place);
        return [.. _places.Select(static p => p.Worker).OfType<PrimaryWorker>()];
    }

    /// <summary>Starts no more.</summary>
    public void Stop()
    {
        _stopped = true;
        foreach (var place in _places)
            place.Timer?.Dispose();
    }

    /// <summary>A worker has ended: if it was one of these, another takes its place.</summary>
    public void Ended(PrimaryWorker worker)
    {
        if (Array.Find(_places, p => p.Worker == worker) is not { } place)
            return;
        place.Worker = null;
        if (_stopped || !_isUp)
            return; // A first one that fails is the failure of the start.
        var wasShort = worker.UpSince == 0 || _time.GetElapsedTime(worker.UpSince) < RestartBackoff.StableAfter;
        place.ShortLives = wasShort ? place.ShortLives + 1 : 0;
        FillAfter(place, RestartBackoff.Delay(place.ShortLives));
    }

    private void FillAfter(Place place, TimeSpan delay)
    {
        if (delay == TimeSpan.Zero)
        {
            Fill(place);
            return;
        }
        _logger.ReplacementDelayed(delay);
        place.Timer?.Dispose();
        place.Timer = _time.CreateTimer(_ => _supervisor.Loop.Post(() => Fill(place)), null, delay, Timeout.InfiniteTimeSpan);
    }

    private void Fill(Place place)
    {
        if (_stopped || place.Worker is not null)
            return;
        try
        {
            place.Worker = _supervisor.Fork(_options, null, expectsReady: true);
        }
        catch (ClusterException exception)
        {
            // The program is gone, or the system has no room for a process now: both can pass.
            place.ShortLives++;
            var delay = RestartBackoff.Delay(Math.Max(2, place.ShortLives));
            _logger.ForkFailed(delay, exception);
            FillAfter(place, delay);
        }
    }
}
