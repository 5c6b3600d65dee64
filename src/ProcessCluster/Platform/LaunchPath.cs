using System.Runtime.InteropServices;

namespace ProcessCluster.Platform;

/// <summary>
/// Paths as they were written when this program was started, symbolic links kept. The kernel and the runtime give what links pointed at then; a
/// reload shall start what they point at now (<c>/srv/app/current/app</c>).
/// </summary>
internal static unsafe class LaunchPath
{
    private static readonly string PhysicalDirectory = Environment.CurrentDirectory;
    private static readonly string LogicalDirectory = Logical(PhysicalDirectory, Environment.GetEnvironmentVariable("PWD"));

    /// <summary>The current directory; null when it is the one that this process has, too: then there is nothing to change.</summary>
    public static string? Directory =>
        LogicalDirectory != PhysicalDirectory && Environment.CurrentDirectory == PhysicalDirectory && System.IO.Directory.Exists(LogicalDirectory)
            ? LogicalDirectory
            : null;

    /// <summary>Looks at what can change later. To be called while it has not.</summary>
    public static void Remember() => _ = LogicalDirectory;

    /// <summary>The path of a file as it was typed, made absolute, if it is that file; else the path as it is.</summary>
    public static string AsTyped(string path, string typed)
    {
        if (!typed.Contains('/'))
            return path; // A name that the shell has looked up.
        var candidate = Path.GetFullPath(typed, LogicalDirectory);
        return candidate != path && IsSame(candidate, path) ? candidate : path;
    }

    /// <summary>The shell's idea of the current directory, if it is that.</summary>
    internal static string Logical(string physical, string? shells) =>
        shells is { Length: > 0 } && Path.IsPathRooted(shells) && IsSame(shells, physical) ? shells : physical;

    private static bool IsSame(string a, string b) => Real(a) is { } real && real == Real(b);

    private static string? Real(string path)
    {
        var resolved = stackalloc byte[4096];
        return Libc.realpath(path, resolved) is null ? null : Marshal.PtrToStringUTF8((nint)resolved);
    }
}
