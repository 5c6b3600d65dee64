using System.Runtime.CompilerServices;

namespace ProcessCluster;

/// <summary>
/// A signal by its POSIX name (<c>signal.h</c>, IEEE Std 1003.1). The values are Linux's; any other number may be cast to it.
/// </summary>
/// <remarks>.NET's own <see cref="System.Runtime.InteropServices.PosixSignal"/> has neither SIGKILL nor SIGSEGV.</remarks>
public enum Signal
{
    /// <summary>No signal.</summary>
    None = 0,

    /// <summary>Hang-up.</summary>
    SIGHUP = 1,

    /// <summary>Interrupt, what a terminal sends for Ctrl+C.</summary>
    SIGINT = 2,

    /// <summary>Quit, what a terminal sends for Ctrl+\.</summary>
    SIGQUIT = 3,

    /// <summary>Illegal instruction.</summary>
    SIGILL = 4,

    /// <summary>Breakpoint trap.</summary>
    SIGTRAP = 5,

    /// <summary>Abort. A .NET process ends with it at an unhandled exception, <c>FailFast</c> or a stack overflow.</summary>
    SIGABRT = 6,

    /// <summary>Bus error.</summary>
    SIGBUS = 7,

    /// <summary>Arithmetic error.</summary>
    SIGFPE = 8,

    /// <summary>Kill at once; it cannot be handled. What the kernel's out-of-memory killer sends, too.</summary>
    SIGKILL = 9,

    /// <summary>User-defined signal 1.</summary>
    SIGUSR1 = 10,

    /// <summary>Invalid memory access.</summary>
    SIGSEGV = 11,

    /// <summary>User-defined signal 2.</summary>
    SIGUSR2 = 12,

    /// <summary>Write to a pipe that nobody reads.</summary>
    SIGPIPE = 13,

    /// <summary>Alarm clock.</summary>
    SIGALRM = 14,

    /// <summary>Termination: the polite request to end.</summary>
    SIGTERM = 15,

    /// <summary>Continue if stopped.</summary>
    SIGCONT = 18,

    /// <summary>Stop; it cannot be handled.</summary>
    SIGSTOP = 19,

    /// <summary>Background process reads from the terminal.</summary>
    SIGTTIN = 21,

    /// <summary>Background process writes to the terminal.</summary>
    SIGTTOU = 22,
}

/// <summary>Checks of signals.</summary>
internal static class Signals
{
    private const int Last = 64; // SIGRTMAX of Linux.

    /// <exception cref="ArgumentOutOfRangeException">The system has no such signal.</exception>
    public static void ThrowIfNotSendable(Signal signal, [CallerArgumentExpression(nameof(signal))] string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan((int)signal, 1, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)signal, Last, name);
    }
}
