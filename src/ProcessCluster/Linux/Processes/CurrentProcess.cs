using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>This process and its signals.</summary>
internal static class CurrentProcess
{
    /// <summary>The signal of a write beyond the longest file that is allowed (<c>man 2 setrlimit</c>, <c>RLIMIT_FSIZE</c>).</summary>
    public const PosixSignal FileTooLarge = (PosixSignal)Libc.SIGXFSZ;

    /// <summary>Sends this process a signal. Returns null, or the system's reason why it cannot be sent.</summary>
    public static string? TrySend(Signal signal) => Libc.kill(Environment.ProcessId, (int)signal) < 0 ? Marshal.GetLastPInvokeErrorMessage() : null;

    /// <summary>Ends this process at once with exit code 0: nothing of the program runs any more.</summary>
    public static void Exit() => Libc._exit(0);
}
