using System.Text;

namespace ProcessCluster.Platform;

/// <summary>How to start this program again, in the way in which it was started.</summary>
internal static class SelfCommand
{
    private static readonly Lazy<(string Path, string[] CommandLine, string[] Managed)> Own = new(static () =>
    {
        var path = Environment.ProcessPath ?? throw new ClusterException(
            "It cannot be told how this program was started (Environment.ProcessPath is null). Set ClusterOptions.Executable.");
        var commandLine = CommandLine();
        var managed = Environment.GetCommandLineArgs();
        path = LaunchPath.AsTyped(path, commandLine[0]);
        foreach (var typed in commandLine.Skip(1))
        {
            if (Path.GetFileName(typed) == Path.GetFileName(managed[0]))
                managed[0] = LaunchPath.AsTyped(managed[0], typed);
        }
        return (path, commandLine, managed);
    });

    /// <summary>Looks at how this program was started, while the files that it was started from are still there.</summary>
    public static void Remember()
    {
        if (!OperatingSystem.IsLinux() || Environment.ProcessPath is null)
            return; // Starting a worker says so, if it comes to that.
        LaunchPath.Remember();
        _ = Own.Value;
    }

    /// <summary>The program and its arguments, with other arguments of the application where given.</summary>
    /// <exception cref="ClusterException">It cannot be told how this program was started.</exception>
    public static (string Path, IReadOnlyList<string> Arguments) Resolve(IEnumerable<string>? applicationArguments) =>
        Resolve(Own.Value.Path, Own.Value.CommandLine, Own.Value.Managed, applicationArguments);

    /// <summary>
    /// An app host and a single file are started by themselves. <c>dotnet</c> is started with what stood before the application's own
    /// arguments: <c>exec</c>, its options, and the application's assembly, by its full path because the working directory may change.
    /// </summary>
    /// <param name="processPath">The running executable.</param>
    /// <param name="commandLine">All of the process's arguments, the name first.</param>
    /// <param name="managed">The application's arguments, its assembly first (<see cref="Environment.GetCommandLineArgs"/>).</param>
    /// <param name="applicationArguments">Arguments instead of the application's own.</param>
    internal static (string Path, IReadOnlyList<string> Arguments) Resolve(
        string processPath, IReadOnlyList<string> commandLine, IReadOnlyList<string> managed, IEnumerable<string>? applicationArguments)
    {
        var own = applicationArguments ?? managed.Skip(1);
        if (!IsDotnet(processPath))
            return (processPath, [.. own]);

        var hostArguments = commandLine.Skip(1).Take(Math.Max(0, commandLine.Count - managed.Count)).ToList();
        if (hostArguments.Count == 0)
            hostArguments.Add(managed[0]);
        else
            hostArguments[^1] = managed[0];
        return (processPath, [.. hostArguments, .. own]);
    }

    /// <summary>The path of a program that is given as a path or by its name; null when there is none.</summary>
    public static string? FindOnPath(string program)
    {
        if (program.Contains('/'))
            return File.Exists(program) ? Path.GetFullPath(program) : null;
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);
    }

    private static bool IsDotnet(string processPath) =>
        Path.GetFileNameWithoutExtension(processPath).Equals("dotnet", StringComparison.OrdinalIgnoreCase);

    private static string[] CommandLine()
    {
        var bytes = File.ReadAllBytes("/proc/self/cmdline");
        return Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Max(0, bytes.Length - 1))).Split('\0'); // Each ends with a null.
    }
}
