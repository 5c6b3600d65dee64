using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// Paths as they were typed when this program was started, symbolic links kept. The kernel and the runtime give what links pointed at then; a
/// worker is started from what they point at now (<c>/srv/app/current/app</c>). All of it is remembered once, at the start: afterwards the
/// directory may be gone, and asking for the current one throws.
/// </summary>
internal static unsafe class LaunchPath
{
    private const string DeletedMark = " (deleted)"; // The kernel's, man 5 proc.

    private static readonly string? PhysicalDirectory = CurrentDirectory();
    private static readonly DirectoryIdentity? Identity = IdentityOf(".", out _);
    private static volatile string? _directory = PhysicalDirectory is null ? null : Logical(PhysicalDirectory, Environment.GetEnvironmentVariable("PWD"));

    /// <summary>
    /// The directory to start a worker in, as it was typed. Null when the worker can inherit this process's: it is the same one still, or it
    /// cannot be reached by its path.
    /// </summary>
    public static string? Directory
    {
        get
        {
            if (Base is not { } directory)
                return null;
            var there = IdentityOf(directory, out var error);
            return there is null ? (error == Libc.EACCES ? null : directory) : there == IdentityOf(".", out _) ? null : directory;
        }
    }

    /// <summary>The directory that relative paths mean: the one that was typed, or the one that the program has changed to since.</summary>
    private static string? Base => IdentityOf(".", out _) is { } current && current != Identity ? CurrentDirectory() : _directory;

    /// <summary>Remembers what can change later. To be called while it has not.</summary>
    public static void Remember() => _ = Identity;

    /// <summary>
    /// Remembers a file that was typed. Where the shell has said nothing of the directory (systemd, <c>cd -P</c>), the directories of the file's
    /// path are looked at: one of them may be the current directory, with its links kept.
    /// </summary>
    public static void Remember(string file)
    {
        if (PhysicalDirectory is not null && _directory == PhysicalDirectory)
            _directory = DirectoryOf(file, PhysicalDirectory);
    }

    /// <summary>The path of a file as it was typed, made absolute, if it is that file; else the path as it is.</summary>
    /// <param name="path">The file.</param>
    /// <param name="typed">The path as it was typed.</param>
    /// <param name="isProgram">True when a name without a slash was looked up in <c>PATH</c>, as shells do with programs.</param>
    public static string AsTyped(string path, string typed, bool isProgram)
    {
        var found = AsTyped(path, typed, isProgram ? Environment.GetEnvironmentVariable("PATH") : null, [_directory, PhysicalDirectory]);
        // Others than shells resolve links before they start a program (dotnet run): then those of the directory count.
        return found == path && PhysicalDirectory is { } physical && _directory is { } logical ? Linked(path, physical, logical) : found;
    }

    /// <summary>A path that the program or its user gave, made absolute without a look at a directory that may be gone.</summary>
    public static string Absolute(string path) => Base is { } directory ? Path.GetFullPath(path, directory) : path;

    internal static string AsTyped(string path, string typed, string? searched, IEnumerable<string?> directories)
    {
        if (typed.Length == 0)
            return path;
        // Where links stand before "..", the kernel's idea of the path is another one than the text's: the last candidate is the kernel's.
        var names = searched is null || typed.Contains('/') ? [typed] : searched.Split(':').Select(folder => Path.Combine(folder, typed));
        return names
            .SelectMany(name => directories.OfType<string>().SelectMany(directory =>
                (string[])[Path.GetFullPath(name, directory), Path.Combine(directory, name)]))
            .FirstOrDefault(candidate => candidate == path || IsSame(candidate, path)) ?? path;
    }

    /// <summary>The shell's idea of the current directory, if it is that.</summary>
    internal static string Logical(string physical, string? shells) =>
        shells is { Length: > 0 } && Path.IsPathRooted(shells) && IsSame(shells, physical) ? shells : physical;

    /// <summary>A file beside or below the directory by the link that the directory was typed with; as it is where there is none.</summary>
    internal static string Linked(string path, string physical, string logical)
    {
        // /srv/current/sub for /srv/releases/1/sub: it is /srv/current that stands for /srv/releases/1.
        while (Path.GetFileName(physical) is { Length: > 0 } name && name == Path.GetFileName(logical))
            (physical, logical) = (Path.GetDirectoryName(physical)!, Path.GetDirectoryName(logical)!);
        return physical != logical && path.StartsWith($"{physical}/", StringComparison.Ordinal) && $"{logical}{path[physical.Length..]}" is var linked && IsSame(linked, path)
            ? linked
            : path;
    }

    /// <summary>The directory as it stands in the file's path, if it does; else as it is.</summary>
    internal static string DirectoryOf(string file, string physical)
    {
        for (var folder = Path.GetDirectoryName(file); folder is { Length: > 1 }; folder = Path.GetDirectoryName(folder))
        {
            if (IsSame(folder, physical))
                return folder;
        }
        return physical;
    }

    /// <summary>The kernel's path of the current directory, also when that is gone; null when there is none.</summary>
    private static string? CurrentDirectory()
    {
        string? link;
        try
        {
            link = new FileInfo("/proc/self/cwd").LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null; // No /proc: workers inherit the directory.
        }
        if (link is null || !Path.IsPathRooted(link))
            return null; // "(unreachable)…": outside of this process's root.
        return link.EndsWith(DeletedMark, StringComparison.Ordinal) && IdentityOf(link, out _) is null ? link[..^DeletedMark.Length] : link;
    }

    private static bool IsSame(string a, string b) => Real(a) is { } real && real == Real(b);

    private static string? Real(string path)
    {
        var resolved = stackalloc byte[4096];
        return Libc.realpath(path, resolved) is null ? null : Marshal.PtrToStringUTF8((nint)resolved);
    }

    /// <summary>Returns the identity of the directory at the path; null, and the error, when there is none.</summary>
    private static DirectoryIdentity? IdentityOf(string path, out int error)
    {
        const int size = 256, inode = 32, device = 136; // struct statx
        var status = stackalloc byte[size];
        if (Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_BASIC_STATS, status) < 0)
        {
            error = Marshal.GetLastPInvokeError();
            return null;
        }
        error = 0;
        var bytes = new ReadOnlySpan<byte>(status, size);
        return new DirectoryIdentity(BinaryPrimitives.ReadUInt64LittleEndian(bytes[inode..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[device..]));
    }

    /// <summary>A directory, whatever its path. The number is not another one's while it is somebody's current directory, be it removed or not.</summary>
    private readonly record struct DirectoryIdentity(ulong Inode, ulong Device);
}
