using System.Globalization;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// The mark that makes a process a worker: one environment variable. The worker removes it from its environment when it starts, so that its
/// own children are none.
/// </summary>
/// <param name="Place">The worker's place.</param>
/// <param name="PrimaryId">The process id of the primary.</param>
/// <param name="Channel">The kernel's name of the pipe from the primary, by which the worker knows that its descriptors are those.</param>
internal readonly record struct WorkerMarker(WorkerPlace Place, int PrimaryId, string Channel)
{
    public const string Variable = "PROCESSCLUSTER_WORKER";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Place.Id} {Place.Slot} {Place.Generation} {(Place.IsStandby ? 1 : 0)} {PrimaryId} {Channel}");

    /// <summary>Takes the marker out of the environment, null where there is none. A marker that cannot be right ends the process.</summary>
    public static unsafe WorkerMarker? Take()
    {
        var text = Environment.GetEnvironmentVariable(Variable);
        if (text is null)
            return null;
        Environment.SetEnvironmentVariable(Variable, null);
        if (!OperatingSystemSupport.IsSupported)
            return null; // No primary can have set it.
        _ = Libc.unsetenv(Variable); // The runtime has a copy of its own; programs started by native code see this one.

        var parts = text.Split(' ');
        if (parts.Length != 6
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var slot)
            || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var generation)
            || !int.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out var primary)
            || ChannelOf(ChildProcess.ReadDescriptor) != parts[5])
        {
            Console.Error.WriteLine(
                $"ProcessCluster: the environment variable {Variable} is set ('{text}'), but no primary has started this process. "
                + "It is set by a primary for its workers only; remove it.");
            Environment.Exit(RestartOptions.ConfigurationErrorExitCode);
            return null;
        }
        if (Libc.getppid() == primary)
            return new WorkerMarker(new WorkerPlace(id, slot, generation, IsStandby: parts[3] == "1"), primary, parts[5]);

        // Either the primary is gone, or this is not its child but a worker's, started before that worker knew that it is one.
        var poll = new Libc.PollFd { Descriptor = ChildProcess.ReadDescriptor };
        if (Libc.poll(&poll, 1, 0) > 0 && (poll.Returned & Libc.POLLHUP) != 0)
        {
            RuntimeFiles.RemoveOwn();
            Libc._exit(0);
        }
        return null;
    }

    /// <summary>The kernel's name of an open descriptor, for example <c>pipe:[4711]</c>; both ends of a pipe have the same.</summary>
    public static string ChannelOf(int descriptor) => FileStatus.Of(descriptor) is { Kind: FileKind.Pipe } pipe
        ? string.Create(CultureInfo.InvariantCulture, $"pipe:[{pipe.Inode}]")
        : "none";
}

/// <summary>The place of a worker: its number, slot and generation.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Slot">The slot that it starts in.</param>
/// <param name="Generation">Its generation.</param>
/// <param name="IsStandby">True when it gets no connections before it is told.</param>
internal readonly record struct WorkerPlace(int Id, int Slot, int Generation, bool IsStandby = false);
