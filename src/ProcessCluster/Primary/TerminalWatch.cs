using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Primary;

/// <summary>
/// Looks every second whether the terminal from which the primary was started is still there, so that a SIGHUP can be told: one that comes when the terminal has just gone is the terminal's, or
/// its shell's; every other one is somebody's order. A primary that was never on a terminal looks at nothing. Thread-safe.
/// </summary>
internal sealed class TerminalWatch : IDisposable
{
    /// <summary>So many looks after it has gone a SIGHUP is not the terminal's any more. Looks and not seconds: a primary that was stopped hears of it when it goes on.</summary>
    private const int LooksAfter = 3;

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly Func<TerminalRole> _role;
    private readonly ITimer? _timer;
    private volatile int _looksWithout;

    /// <param name="time">The clock.</param>
    /// <param name="role">The current role.</param>
    public TerminalWatch(TimeProvider time, Func<TerminalRole> role)
    {
        _role = role;
        if (role() == TerminalRole.None)
            _looksWithout = LooksAfter + 1;
        else
            _timer = time.CreateTimer(_ => Poll(), null, PollInterval, PollInterval);
    }

    /// <summary>Told of each look at a terminal that is there.</summary>
    public Action<TerminalRole>? Seen { get; set; }

    /// <summary>Gets whether the terminal was there until just now, and is gone.</summary>
    public bool IsJustGone => _looksWithout <= LooksAfter && _role() == TerminalRole.None;

    /// <summary>Gets whether it may still go: it is there, or was until just now.</summary>
    public bool IsThere => _looksWithout <= LooksAfter;

    public void Dispose() => _timer?.Dispose();

    private void Poll()
    {
        var role = _role();
        if (role != TerminalRole.None)
        {
            _looksWithout = 0;
            Seen?.Invoke(role);
            return;
        }
        if (++_looksWithout > LooksAfter)
            _timer?.Dispose();
    }
}
