using System.Globalization;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// The control group that bounds this process's memory (Linux's documentation of control groups, both versions): its limit, and how many of its
/// processes the system has killed for want of memory. Each such kill is taken once.
/// </summary>
internal sealed class MemoryGroup
{
    private readonly string? _directory;
    private long _taken;

    public MemoryGroup()
        : this(Find("/proc/self/cgroup", "/sys/fs/cgroup"))
    {
    }

    internal MemoryGroup(string? directory)
    {
        _directory = directory;
        _taken = Kills();
    }

    /// <summary>Gets whether there is a limit below the machine's memory.</summary>
    public bool IsLimited => Limit() is { } limit && limit < MachineMemory();

    /// <summary>Returns whether there was one more kill than were taken.</summary>
    public bool TryTakeKill()
    {
        if (Kills() <= _taken)
            return false;
        _taken++;
        return true;
    }

    /// <param name="groups">The text of /proc/self/cgroup: lines of number, controllers, path.</param>
    /// <param name="root">The folder where control groups are mounted.</param>
    internal static string? Find(string groups, string root)
    {
        foreach (var line in LinesOf(groups))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path])
                continue;
            // In a container the path may be that of the host, which is not there; the group's own files are then at the root.
            string[] candidates = controllers switch
            {
                "" => [$"{root}{path}", root],
                _ when controllers.Split(',').Contains("memory") => [$"{root}/memory{path}", $"{root}/memory"],
                _ => [],
            };
            if (Array.Find(candidates, static directory => File.Exists($"{directory}/memory.events") || File.Exists($"{directory}/memory.oom_control")) is { } found)
                return found;
        }
        return null;
    }

    /// <summary>In bytes; null when there is none.</summary>
    internal long? Limit()
    {
        var text = Lines("memory.max", "memory.limit_in_bytes").FirstOrDefault();
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null; // "max" is none.
    }

    private long Kills()
    {
        const string name = "oom_kill ";
        var line = Lines("memory.events", "memory.oom_control").FirstOrDefault(static line => line.StartsWith(name, StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0;
    }

    private string[] Lines(string version2, string version1)
    {
        if (_directory is null)
            return [];
        var path = $"{_directory}/{version2}";
        return LinesOf(File.Exists(path) ? path : $"{_directory}/{version1}");
    }

    private static string[] LinesOf(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // There are no groups here, or they are gone or closed to us: then nothing is known.
        }
    }

    /// <summary>By a system call: under systemd's <c>ProcSubset=pid</c> there is no <c>/proc/meminfo</c>.</summary>
    private static unsafe long MachineMemory()
    {
        Libc.SystemInfo info;
        return Libc.sysinfo(&info) == 0 ? (long)(info.TotalMemory * info.MemoryUnit) : long.MaxValue;
    }
}
