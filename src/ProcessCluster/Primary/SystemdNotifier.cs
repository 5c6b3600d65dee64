using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Systemd;

namespace ProcessCluster.Primary;

/// <summary>
/// Tells systemd how the cluster is, where the primary is its service (<c>Type=notify</c>): that it has started, that it reloads, that it
/// stops, how many workers are ready, and that its loop answers. Belongs to the cluster's loop.
/// </summary>
internal sealed class SystemdNotifier
{
    private readonly NotifySocket _socket;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer? _watchdog;
    private bool _hasStarted;
    private bool _hasFailed;
    private int _ready;

    private SystemdNotifier(NotifySocket socket, TimeSpan? watchdog, Action<Action> post, TimeProvider time, ILogger logger)
    {
        _socket = socket;
        _time = time;
        _logger = logger;
        // Half of the time, as sd_watchdog_enabled(3) advises. The loop sends: when it hangs, nothing is sent.
        if (watchdog is { } limit)
            _watchdog = time.CreateTimer(_ => post(() => Send("WATCHDOG=1")), null, TimeSpan.Zero, limit / 2);
    }

    /// <summary>Null when no systemd waits to be told.</summary>
    public static SystemdNotifier? OfEnvironment(Action<Action> post, TimeProvider time, ILogger logger) =>
        NotifySocket.OfEnvironment() is { } socket
            ? new SystemdNotifier(socket, NotifySocket.WatchdogOfEnvironment(), post, time, logger)
            : null;

    /// <summary>The cluster is up; told once.</summary>
    public void Started()
    {
        if (_hasStarted)
            return;
        _hasStarted = true;
        Send($"READY=1\n{Status}");
    }

    /// <summary>A reload begins or has ended.</summary>
    public void Reloading(bool isUnderWay)
    {
        if (!_hasStarted)
            return;
        // systemd takes it for the answer to its signal if it is later than that, by the same clock.
        var now = (long)(_time.GetTimestamp() * (1_000_000.0 / _time.TimestampFrequency));
        Send(isUnderWay ? string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={now}") : "READY=1");
    }

    /// <summary>The cluster ends. Should it be started again, that is told again.</summary>
    public void Stopping()
    {
        _hasStarted = false;
        Send("STOPPING=1");
    }

    /// <summary>So many workers are ready to serve.</summary>
    public void Ready(int workers)
    {
        if (workers == _ready)
            return;
        _ready = workers;
        Send(Status);
    }

    private string Status => string.Create(CultureInfo.InvariantCulture, $"STATUS={_ready} workers are ready.");

    private void Send(string state)
    {
        try
        {
            _socket.Send(state);
            _hasFailed = false;
        }
        catch (SocketException exception)
        {
            // The cluster does without it. Said once: the next sign of life would fail, too.
            if (!_hasFailed)
                _logger.SystemdNotTold(state.ReplaceLineEndings(" "), exception.Message);
            _hasFailed = true;
        }
    }
}
