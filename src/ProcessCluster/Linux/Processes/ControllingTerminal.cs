using System.Globalization;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>The relation of this process to its controlling terminal (<c>man 4 tty</c>, <c>man 3 tcgetpgrp</c>).</summary>
internal enum TerminalRole
{
    /// <summary>There is none: there never was one, or it was hung up.</summary>
    None,

    /// <summary>This process is in the foreground.</summary>
    Foreground,

    /// <summary>Another group of processes is in the foreground. To those of this group that use the terminal its driver sends SIGTTIN and SIGTTOU.</summary>
    Background,
}

/// <summary>The terminal from which this process was started, if it was.</summary>
internal static unsafe class ControllingTerminal
{
    private const int LastStandardStream = 2;

    public static TerminalRole Role
    {
        get
        {
            // The standard streams first: that needs no descriptor, which there may be none of.
            for (var stream = 0; stream <= LastStandardStream; stream++)
            {
                if (RoleBy(stream) is not TerminalRole.None and var role)
                    return role;
            }
            var terminal = Libc.open("/dev/tty", Libc.O_RDONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
            if (terminal < 0)
                return TerminalRole.None;
            try
            {
                return RoleBy(terminal);
            }
            finally
            {
                _ = Libc.close(terminal);
            }
        }
    }

    /// <summary>Gets whether standard input is a terminal. Then the runtime may change the terminal's settings, which is forbidden in the background.</summary>
    public static bool IsInput => RoleBy(0) != TerminalRole.None;

    /// <summary>Gets whether other processes are in this one's group. When they use the terminal, its driver sends signals to this process too.</summary>
    public static bool IsShared
    {
        get
        {
            var (own, group) = (Environment.ProcessId, Libc.getpgrp());
            var all = ProcessStatus.Numbers("/proc");
            return !all.Contains(own) || all.Any(id => id != own && ProcessStatus.GroupOf(id) == group); // Who does not see itself does not see the others.
        }
    }

    /// <summary>Gets whether this process has any terminal open.</summary>
    public static bool IsOpen
    {
        get
        {
            try
            {
                return new DirectoryInfo("/proc/self/fd").EnumerateFiles().Any(static file =>
                    file.LinkTarget is { } target && (target.StartsWith("/dev/pts/", StringComparison.Ordinal) || target.StartsWith("/dev/tty", StringComparison.Ordinal)
                        || target == "/dev/console"));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return true; // It cannot be told.
            }
        }
    }

    /// <summary>Has the system ignore a signal for this process, as long as it lives, and for the programs that it starts.</summary>
    public static void Ignore(Signal signal)
    {
        if (Libc.signal((int)signal, handler: 1) == -1)
            throw Libc.LastException(string.Create(CultureInfo.InvariantCulture, $"{signal} could not be ignored"));
    }

    private static TerminalRole RoleBy(int descriptor)
    {
        int group;
        if (Libc.ioctl(descriptor, Libc.TIOCGPGRP, &group) < 0)
            return TerminalRole.None; // No terminal, another one than this process's, or one that was hung up.
        return group == Libc.getpgrp() ? TerminalRole.Foreground : TerminalRole.Background;
    }
}
