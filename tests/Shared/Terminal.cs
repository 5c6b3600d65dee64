using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace ProcessCluster.Testing;

/// <summary>
/// A pseudo terminal with a session of its own, and a shell with job control as its leader (<c>man 7 pty</c>). The shell's script has the terminal's file as <c>$PTY</c>, the test program as
/// <c>$APP</c>, and the test's pipe, by which lines are sent, as descriptor 3. Until it is closed, as a window or a connection is, which hangs it up.
/// </summary>
internal sealed partial class Terminal : IDisposable
{
    private const int O_RDWR = 2, O_NOCTTY = 0x100, O_CLOEXEC = 0x80000;

    private const short POLLIN = 1;

    /// <summary>What interactive shells do when their terminal goes: tell their jobs, and end. The job's exit code is in the file.</summary>
    public const string TellsItsJob = "trap 'kill -HUP -$job; wait $job; echo $? > $RESULT; exit' HUP";

    private readonly StringBuilder _written = new();
    private int _master;

    public Terminal()
    {
        _master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        var name = new byte[64];
        if (_master < 0 || grantpt(_master) != 0 || unlockpt(_master) != 0 || ptsname_r(_master, name, (nuint)name.Length) != 0)
            throw new XunitException($"No terminal could be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        Path = Encoding.ASCII.GetString(name).TrimEnd('\0');
    }

    public string Path { get; }

    /// <summary>Starts a shell on it that runs the script.</summary>
    public TestProcess Start(string script, params (string Name, string Value)[] environment) => TestProcess.StartFile(
        "sh", "-c \"exec 3<&0; exec setsid -c sh -c 'set -m; eval \\\"$SCRIPT\\\"' <$PTY\"", [("PTY", Path), ("APP", TestPaths.TestApp), ("SCRIPT", script), .. environment]);

    /// <summary>The first of what was written to it, from the start, that fits.</summary>
    public async Task<Match> Expect(string pattern)
    {
        Match found = Match.Empty;
        await Wait.Until(() =>
        {
            var poll = new PollFd { Descriptor = _master, Events = POLLIN };
            var buffer = new byte[4096];
            while (_master >= 0 && Libpoll(ref poll, 1, 0) > 0 && (poll.Returned & POLLIN) != 0 && read(_master, buffer, (nuint)buffer.Length) is > 0 and var length)
                _written.Append(Encoding.UTF8.GetString(buffer, 0, (int)length));
            return (found = Regex.Match(_written.ToString(), pattern)).Success;
        }, pattern);
        return found;
    }

    /// <summary>Hangs it up.</summary>
    public void Close()
    {
        var master = Interlocked.Exchange(ref _master, -1);
        if (master >= 0 && close(master) != 0)
            throw new XunitException(Marshal.GetLastPInvokeErrorMessage());
    }

    public void Dispose() => Close();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int posix_openpt(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int grantpt(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unlockpt(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ptsname_r(int descriptor, byte[] name, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, byte[] buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Libpoll(ref PollFd descriptors, nuint count, int milliseconds);

    private struct PollFd
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}
