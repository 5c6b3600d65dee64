using System.Globalization;

namespace ProcessCluster.Platform;

/// <summary>
/// How many processes of this one's control group the system has killed for want of memory: <c>oom_kill</c> in <c>memory.events</c> (version 2)
/// or <c>memory.oom_control</c> (version 1; Linux's documentation of control groups). Each is taken once.
/// </summary>
internal sealed class OutOfMemoryKills
{
    private readonly string? _file;
    private long _taken;

    public OutOfMemoryKills()
        : this(Find("/proc/self/cgroup", "/sys/fs/cgroup"))
    {
    }

    internal OutOfMemoryKills(string? file)
    {
        _file = file;
        _taken = Count();
    }

    /// <summary>Whether there was one more than was taken before.</summary>
    public bool TryTake()
    {
        if (Count() <= _taken)
            return false;
        _taken++;
        return true;
    }

    /// <param name="groups">What /proc/self/cgroup holds: lines of number, controllers, path.</param>
    /// <param name="root">Where control groups are mounted.</param>
    internal static string? Find(string groups, string root)
    {
        if (!File.Exists(groups))
            return null;
        foreach (var line in File.ReadLines(groups))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path])
                continue;
            // In a container the path may be that of the host, which is not there; the group's own files are then at the root.
            string[] candidates = controllers switch
            {
                "" => [$"{root}{path}/memory.events", $"{root}/memory.events"],
                _ when controllers.Split(',').Contains("memory") => [$"{root}/memory{path}/memory.oom_control", $"{root}/memory/memory.oom_control"],
                _ => [],
            };
            if (Array.Find(candidates, File.Exists) is { } file)
                return file;
        }
        return null;
    }

    private long Count()
    {
        if (_file is null)
            return 0;
        try
        {
            foreach (var line in File.ReadLines(_file))
            {
                if (line.StartsWith("oom_kill ", StringComparison.Ordinal)
                    && long.TryParse(line.AsSpan("oom_kill ".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                {
                    return count;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return _taken; // The group is gone or closed to us: then nothing is known, and nothing more is taken.
        }
        return 0;
    }
}
