using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProcessCluster.Hosting;

namespace ProcessCluster.AspNetCore.Draining;

/// <summary>
/// Lets the clients of a worker that leaves go in peace. From the beginning every HTTP/1.1 response says <c>Connection: close</c>, and HTTP/2
/// connections get GOAWAY. HTTP/1.1 connections are closed only when they were idle for a while, one after another: a client that is busy
/// has been told by then. Belongs to one host.
/// </summary>
internal sealed partial class ConnectionDrain(IOptions<ClusterOptions> options, ILoggerFactory loggers) : IClientDrain, IDisposable
{
    private const double GoldenRatio = 0.6180339887;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// The number of connections that move at first. The next worker's code is cold, so each tick moves twice as many: few clients wait until it is
    /// compiled, and all have gone within a fifth of a second.
    /// </summary>
    private const int FirstMoves = 4;

    private readonly ILogger _logger = loggers.CreateLogger("ProcessCluster");
    private readonly Lock _gate = new();
    private readonly HashSet<ConnectionLifetime> _connections = [];
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PeriodicTimer _timer = new(Tick);
    private volatile bool _isDraining;
    private volatile bool _isHurried;
    private double _place;

    /// <summary>Gets whether clients are told that nothing follows on their connection.</summary>
    public bool IsDraining => _isDraining;

    /// <summary>Gets whether idle connections get time to end, also in a server that stops.</summary>
    public bool IsPatient => _isDraining && !_isHurried;

    public DrainSchedule Times { get; } = DrainSchedule.Within(options.Value.DrainTimeout);

    /// <summary>Gets whether connections move to other workers where they can.</summary>
    public bool MovesConnections { get; } = options.Value.MoveConnections;

    /// <summary>Gets whether requests are quarantined, also on connections that cannot survive.</summary>
    public bool QuarantinesRequests { get; } = options.Value.ConnectionSurvival.QuarantineAfter > 0;

    /// <summary>Gets whether a request may be served once more by another worker when this one is killed over it.</summary>
    public bool ReplaysIdempotent { get; } = options.Value.ConnectionSurvival.ReplayIdempotent;

    public void Add(ConnectionLifetime connection)
    {
        lock (_gate)
            _connections.Add(connection);
    }

    /// <summary>Before the connection is disposed.</summary>
    public void Remove(ConnectionLifetime connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
            if (_isDraining && _connections.Count == 0)
                _over.TrySetResult();
        }
    }

    /// <summary>
    /// The worker stays, but has more connections than others: gives so many of the listener's back that are idle now. One that becomes busy before it goes stays.
    /// </summary>
    public void GiveBack(ClusterListener listener, int count)
    {
        lock (_gate)
        {
            if (_isDraining)
                return;
            foreach (var connection in _connections)
            {
                if (count == 0)
                    break;
                if (connection.IsOf(listener) && connection.RequestMoveIfIdle())
                    count--;
            }
        }
    }

    /// <summary>Begins to drain; it goes on until the host ends. Calling it again does nothing.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            if (_isDraining)
                return;
            _isDraining = true;
            if (_connections.Count == 0)
                _over.TrySetResult();
            else
                LogBegin(_logger, _connections.Count, Times.Window);
        }
        _ = CloseDueAsync();
    }

    /// <summary>Begins, and completes when no connection is left, or the time in which idle ones are closed is over.</summary>
    public async Task DrainAsync()
    {
        var since = Stopwatch.GetTimestamp();
        Begin();
        if (_over.Task.IsCompleted)
            return;
        await _over.Task.WaitAsync(Times.Window + Tick).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        LogEnd(_logger, Count, Stopwatch.GetElapsedTime(since));
    }

    /// <summary>There is no time: idle connections are closed as the server likes, at once.</summary>
    public void Hurry()
    {
        _isHurried = true;
        ConnectionLifetime[] all;
        lock (_gate)
        {
            _isDraining = true;
            all = [.. _connections];
        }
        Close(all);
        _over.TrySetResult();
    }

    public void Dispose() => _timer.Dispose();

    private int Count
    {
        get
        {
            lock (_gate)
                return _connections.Count;
        }
    }

    private async Task CloseDueAsync()
    {
        var due = new List<ConnectionLifetime>();
        var moves = FirstMoves;
        do
        {
            due.Clear();
            var moved = 0;
            lock (_gate)
            {
                foreach (var connection in _connections)
                {
                    if (moved < moves && connection.RequestMove())
                        moved++;
                    if (IsDue(connection))
                        due.Add(connection);
                }
            }
            Close(due);
            if (moved > 0)
                moves = Math.Min(moves * 2, int.MaxValue / 2);
        }
        while (await _timer.WaitForNextTickAsync().ConfigureAwait(false));
    }

    private bool IsDue(ConnectionLifetime connection)
    {
        try
        {
            return connection.IsDue(Environment.TickCount64, NextAllowance);
        }
        catch (SocketException)
        {
            return false; // It is broken, and ends by that.
        }
    }

    /// <summary>Evenly spread, however many there are.</summary>
    private long NextAllowance()
    {
        _place = (_place + GoldenRatio) % 1;
        return (long)(Times.Idle + (Times.Spread * _place)).TotalMilliseconds;
    }

    private void Close(IEnumerable<ConnectionLifetime> connections)
    {
        foreach (var connection in connections)
        {
            try
            {
                connection.RequestClose();
            }
            catch (AggregateException exception)
            {
                LogCallbackFailed(_logger, exception);
            }
        }
    }

    [LoggerMessage(203, LogLevel.Debug, "The worker leaves with {Connections} connections; idle ones are closed within {Window}.")]
    private static partial void LogBegin(ILogger logger, int connections, TimeSpan window);

    [LoggerMessage(204, LogLevel.Debug, "{Connections} connections are left after {Time}; the application stops.")]
    private static partial void LogEnd(ILogger logger, int connections, TimeSpan time);

    [LoggerMessage(205, LogLevel.Error, "A callback of IConnectionLifetimeNotificationFeature.ConnectionClosedRequested threw.")]
    private static partial void LogCallbackFailed(ILogger logger, Exception exception);
}
