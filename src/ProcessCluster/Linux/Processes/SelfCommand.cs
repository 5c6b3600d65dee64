using System.Text;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>Starts this program again, in the way in which it was started.</summary>
internal static class SelfCommand
{
    /// <summary>Options of <c>dotnet</c> whose value is a path.</summary>
    private static readonly string[] PathOptions = ["--depsfile", "--runtimeconfig", "--additionalprobingpath"];

    private static readonly Lazy<Command> Own = new(static () =>
    {
        var path = Environment.ProcessPath ?? throw new ClusterException(
            "It cannot be told how this program was started (Environment.ProcessPath is null). Set ClusterOptions.Executable.");
        var managed = Environment.GetCommandLineArgs();
        var command = Of(path, CommandLine() ?? [path, .. managed.Skip(1)], managed, LaunchPath.AsTyped);
        foreach (var file in (string[])[command.Path, .. command.OfHost])
            LaunchPath.Remember(file);
        return command;
    });

    /// <summary>The way in which this program was started.</summary>
    /// <param name="Path">The executable.</param>
    /// <param name="OfHost">The arguments before the application's own.</param>
    /// <param name="OfApplication">The application's own arguments.</param>
    private sealed record Command(string Path, IReadOnlyList<string> OfHost, IReadOnlyList<string> OfApplication);

    /// <summary>Gives the path of a file as it was typed.</summary>
    internal delegate string TypedPath(string path, string typed, bool isProgram);

    /// <summary>Looks at how this program was started, while the files that it was started from are still there.</summary>
    public static void Remember()
    {
        if (!OperatingSystemSupport.IsSupported || Environment.ProcessPath is null)
            return; // Starting a worker says so, if it comes to that.
        LaunchPath.Remember();
        _ = Own.Value;
    }

    /// <summary>The program and its arguments, with other arguments of the application where given.</summary>
    /// <exception cref="ClusterException">It cannot be told how this program was started.</exception>
    public static (string Path, IReadOnlyList<string> Arguments) Resolve(IEnumerable<string>? applicationArguments) =>
        (Own.Value.Path, [.. Own.Value.OfHost, .. applicationArguments ?? Own.Value.OfApplication]);

    /// <summary>
    /// An app host and a single file are started by themselves. <c>dotnet</c> and the system's loader (<c>man 8 ld.so</c>) are started with what
    /// stood before the application's own arguments: options, and the application, by its full path because the working directory may change.
    /// </summary>
    /// <param name="processPath">The running executable.</param>
    /// <param name="commandLine">All of the process's arguments, the name first.</param>
    /// <param name="managed">The application's arguments, its assembly first (<see cref="Environment.GetCommandLineArgs"/>).</param>
    /// <param name="applicationArguments">Arguments instead of the application's own.</param>
    /// <param name="asTyped">Gives the path of a file as it was typed.</param>
    internal static (string Path, IReadOnlyList<string> Arguments) Resolve(
        string processPath,
        IReadOnlyList<string> commandLine,
        IReadOnlyList<string> managed,
        IEnumerable<string>? applicationArguments,
        TypedPath? asTyped = null)
    {
        var command = Of(processPath, commandLine, managed, asTyped ?? (static (path, _, _) => path));
        return (command.Path, [.. command.OfHost, .. applicationArguments ?? command.OfApplication]);
    }

    /// <summary>The path of a program that is given as a path or by its name; null when there is none.</summary>
    public static string? FindOnPath(string program)
    {
        var candidates = program.Contains('/')
            ? [program]
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, program));
        return candidates.Select(LaunchPath.Absolute).FirstOrDefault(File.Exists);
    }

    private static Command Of(string processPath, IReadOnlyList<string> commandLine, IReadOnlyList<string> managed, TypedPath asTyped)
    {
        string[] own = [.. managed.Skip(1)];
        var path = asTyped(processPath, commandLine[0], isProgram: true);
        // By the program that runs, whatever a link to it is called.
        var isLoader = IsLoader(processPath);
        if (!isLoader && !IsDotnet(processPath))
            return new Command(path, [], own);

        var ofHost = commandLine.Skip(1).Take(Math.Max(0, commandLine.Count - managed.Count)).ToList();
        for (var i = 1; i < ofHost.Count - 1; i++)
        {
            if (PathOptions.Contains(ofHost[i - 1]))
                ofHost[i] = AbsoluteAsTyped(ofHost[i]);
        }
        if (isLoader)
        {
            if (ofHost.Count > 0)
                ofHost[^1] = AbsoluteAsTyped(ofHost[^1]); // The loader takes no name: it looks for none in PATH.
            return new Command(path, ofHost, own);
        }
        if (ofHost.Count == 0)
            ofHost.Add(managed[0]);
        else
            ofHost[^1] = asTyped(managed[0], ofHost[^1], isProgram: false);
        return new Command(path, ofHost, own);

        string AbsoluteAsTyped(string typed) => asTyped(typed, typed, isProgram: false);
    }

    private static bool IsDotnet(string processPath) =>
        Path.GetFileNameWithoutExtension(processPath).Equals("dotnet", StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns whether it is the system's loader of programs: <c>ld-linux-x86-64.so.2</c>, <c>ld-musl-x86_64.so.1</c>.</summary>
    private static bool IsLoader(string processPath) =>
        Path.GetFileName(processPath) is var name && name.Contains(".so", StringComparison.Ordinal)
        && (name.StartsWith("ld-", StringComparison.Ordinal) || name.StartsWith("ld.", StringComparison.Ordinal));

    /// <summary>The arguments of this process; null when the system does not say.</summary>
    private static string[]? CommandLine()
    {
        try
        {
            var bytes = File.ReadAllBytes("/proc/self/cmdline");
            return bytes is [] ? null : Encoding.UTF8.GetString(bytes.AsSpan(0, bytes.Length - 1)).Split('\0'); // Each ends with a null.
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null; // Then links are not kept, and options of dotnet are lost.
        }
    }
}
