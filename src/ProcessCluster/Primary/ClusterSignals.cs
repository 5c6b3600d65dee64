using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Primary;

/// <summary>
/// The signals that are orders to a started cluster: SIGHUP to reload, SIGTTIN and SIGTTOU to scale. A terminal sends all three, too, and then they are none. .NET does not say who has sent a signal
/// (<c>si_code</c>), and no managed code may run in a handler of its own. So it is told from what a terminal does:
/// <para>
/// It sends SIGHUP when it goes (or its shell does, just before), which <see cref="TerminalWatch"/> sees. That ends the cluster as SIGTERM does.
/// </para>
/// <para>
/// It sends SIGTTIN and SIGTTOU to a group in the background of which a process reads it, changes it or, by its settings, writes to it. The system then repeats what the process did, and the terminal the
/// signal, without end. So many signals are left to the system's default, which stops the process until it is in the foreground, as it does every program. A few are orders, unless another process of
/// the group may have caused them, or, for SIGTTOU, the runtime: it changes a terminal that is its standard input, and does not repeat that.
/// </para>
/// Thread-safe.
/// </summary>
internal sealed class ClusterSignals : IDisposable
{
    /// <summary>More within <see cref="Window"/> are the terminal's.</summary>
    private const int Few = 10;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    /// <summary>The time for which a terminal may still be seen to go after a SIGHUP, and the interval of polling it.</summary>
    private static readonly TimeSpan HangUpWindow = TimeSpan.FromSeconds(1), HangUpLook = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly List<PosixSignalRegistration> _scaling = [];
    private readonly PosixSignalRegistration _reloading;
    private readonly TerminalWatch _terminal;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action _reload;
    private readonly Action<int> _scale;
    private ITimer? _deciding;
    private ITimer? _hangingUp;
    private int _hangUpLooks;
    private int _more;
    private int _fewer;
    private bool _isDisposed;

    /// <param name="terminal">The primary's.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="reload">Called at each order to reload, from any thread.</param>
    /// <param name="scale">Called with the change, from any thread.</param>
    public ClusterSignals(TerminalWatch terminal, TimeProvider time, ILogger logger, Action reload, Action<int> scale)
    {
        _terminal = terminal;
        _time = time;
        _logger = logger;
        _reload = reload;
        _scale = scale;
        _reloading = PosixSignalRegistration.Create(PosixSignal.SIGHUP, HangUp);
        TakeScaling();
        terminal.Seen = TerminalSeen;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _terminal.Seen = null;
            _deciding?.Dispose();
            _hangingUp?.Dispose();
            LeaveScaling();
            _reloading.Dispose();
        }
    }

    private void HangUp(PosixSignalContext context)
    {
        context.Cancel = true;
        if (_terminal.IsJustGone)
        {
            End();
            return;
        }
        _reload();
        if (!_terminal.IsThere)
            return;
        lock (_gate)
        {
            // A shell that ends sends its SIGHUP before the terminal goes.
            _hangUpLooks = (int)(HangUpWindow / HangUpLook);
            if (!_isDisposed)
                _hangingUp ??= _time.CreateTimer(_ => PollForHangUp(), null, HangUpLook, HangUpLook);
        }
    }

    private void PollForHangUp()
    {
        lock (_gate)
        {
            if (_hangingUp is null || (!_terminal.IsJustGone && --_hangUpLooks > 0))
                return;
            _hangingUp.Dispose();
            _hangingUp = null;
        }
        if (_terminal.IsJustGone)
            End();
    }

    /// <summary>Ends the program in order: SIGTERM does, whichever way it waits for its end.</summary>
    private void End()
    {
        _logger.TerminalGone();
        _ = CurrentProcess.TrySend(Signal.SIGTERM);
    }

    private void Scale(PosixSignalContext context, int change)
    {
        context.Cancel = true;
        if (ControllingTerminal.Role != TerminalRole.Background || (!ControllingTerminal.IsOpen && !ControllingTerminal.IsShared))
        {
            _scale(change);
            return;
        }
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _ = change > 0 ? _more++ : _fewer++;
            if (_more + _fewer > Few)
                LeaveToSystem();
            else
                _deciding ??= _time.CreateTimer(_ => Decide(), null, Window, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The signals were few.</summary>
    private void Decide()
    {
        int more, fewer;
        lock (_gate)
        {
            if (_deciding is null)
                return;
            more = _more;
            fewer = _fewer;
            Forget();
        }
        var isShared = ControllingTerminal.IsShared;
        if (isShared || (fewer > 0 && ControllingTerminal.IsInput))
        {
            _logger.SignalsNotTaken(isShared ? Signal.SIGTTIN : Signal.SIGTTOU);
            more = isShared ? 0 : more;
            fewer = 0;
        }
        for (; more > 0; more--)
            _scale(+1);
        for (; fewer > 0; fewer--)
            _scale(-1);
    }

    /// <summary>The terminal's signals have their default effect from now on, until this process is in the foreground.</summary>
    private void LeaveToSystem()
    {
        Forget();
        if (_scaling.Count == 0)
            return;
        _logger.TerminalStops();
        LeaveScaling();
    }

    private void Forget()
    {
        _deciding?.Dispose();
        _deciding = null;
        _more = 0;
        _fewer = 0;
    }

    private void TerminalSeen(TerminalRole role)
    {
        lock (_gate)
        {
            if (role == TerminalRole.Foreground && _scaling.Count == 0 && !_isDisposed)
                TakeScaling();
        }
    }

    private void TakeScaling()
    {
        _scaling.Add(PosixSignalRegistration.Create((PosixSignal)Signal.SIGTTIN, context => Scale(context, +1)));
        _scaling.Add(PosixSignalRegistration.Create((PosixSignal)Signal.SIGTTOU, context => Scale(context, -1)));
    }

    private void LeaveScaling()
    {
        foreach (var signal in _scaling)
            signal.Dispose();
        _scaling.Clear();
    }
}
