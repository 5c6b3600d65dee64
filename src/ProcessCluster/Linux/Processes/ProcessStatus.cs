using System.Buffers.Text;
using System.Globalization;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// The facts that <c>/proc</c> has of processes (<c>man 5 proc</c>). All are optional: a part that is not mounted, or hidden, gives none.
/// </summary>
internal static class ProcessStatus
{
    /// <summary>Resident bytes of a process; 0 when it is gone.</summary>
    public static long ResidentBytes(int processId)
    {
        Span<byte> text = stackalloc byte[256];
        var length = Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/statm"), text);
        var resident = text[..length];
        var space = resident.IndexOf((byte)' ');
        return space >= 0 && Utf8Parser.TryParse(resident[(space + 1)..], out long pages, out _) ? pages * Environment.SystemPageSize : 0;
    }

    /// <summary>
    /// Ends all processes of this one's group but this one. Does nothing where the group is not this process's own. Where <c>/proc</c> does not show even this
    /// process, the whole group is ended, this process with it: it is about to end, and nothing of it may stay.
    /// </summary>
    public static void KillRestOfGroup()
    {
        var own = Environment.ProcessId;
        if (Libc.getpgrp() != own)
            return;
        var isShown = false;
        foreach (var id in Numbers("/proc"))
        {
            isShown |= id == own;
            if (id != own && GroupOf(id) == own)
                _ = Libc.kill(id, (int)Signal.SIGKILL);
        }
        if (!isShown)
            _ = Libc.kill(-own, (int)Signal.SIGKILL);
    }

    /// <summary>The names in a folder that are numbers: processes or threads. None where the folder cannot be read.</summary>
    public static IReadOnlyList<int> Numbers(string folder)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(folder)
                .Select(static path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
                .Where(static id => id > 0)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // It is not mounted, or closed to us.
        }
    }

    /// <summary>
    /// When the process was started, in the kernel's ticks since the machine's start: with the number it names one process for ever. Null when it is gone, also
    /// for its parent. A zombie is still there.
    /// </summary>
    public static ulong? StartTicks(int processId)
    {
        const int fieldsBefore = 19; // From the state, the third, to the one before the start, the 22nd.
        Span<byte> text = stackalloc byte[1024];
        return Utf8Parser.TryParse(Skip(Fields(StatOf(processId), text), fieldsBefore), out ulong ticks, out _) ? ticks : null;
    }

    /// <summary>Returns whether the process has ended and was not reaped.</summary>
    public static bool IsZombie(int processId)
    {
        Span<byte> text = stackalloc byte[1024];
        return Fields(StatOf(processId), text) is [(byte)'Z', ..];
    }

    /// <summary>
    /// Returns whether one of the process's threads runs, waits for a processor, or for the disk. True where the system does not say. Reads a small file for each
    /// thread.
    /// </summary>
    public static bool CanRun(int processId)
    {
        Span<byte> text = stackalloc byte[1024];
        try
        {
            foreach (var thread in Directory.EnumerateDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task")))
            {
                if (Fields($"{thread}/stat", text) is [(byte)'R' or (byte)'D', ..])
                    return true;
            }
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true; // It is gone, which is seen elsewhere, or /proc is not there.
        }
    }

    /// <summary>The group of a process; 0 when it is gone.</summary>
    public static int GroupOf(int processId)
    {
        Span<byte> text = stackalloc byte[1024];
        return Utf8Parser.TryParse(Skip(Fields(StatOf(processId), text), 2), out int group, out _) ? group : 0;
    }

    private static ReadOnlySpan<byte> Skip(ReadOnlySpan<byte> fields, int count)
    {
        for (; count > 0; count--)
            fields = fields[(fields.IndexOf((byte)' ') + 1)..];
        return fields;
    }

    /// <summary>Returns the fields after the name, which is in parentheses and may hold anything: state, parent, group, and so on.</summary>
    private static ReadOnlySpan<byte> Fields(string path, Span<byte> text)
    {
        ReadOnlySpan<byte> stat = text[..Read(path, text)];
        return stat[(stat.LastIndexOf((byte)')') + 1)..].Trim((byte)' ');
    }

    private static string StatOf(int processId) => string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat");

    private static int Read(string path, Span<byte> text)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return RandomAccess.Read(file, text, 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return 0; // The process is gone, or another user's.
        }
    }
}
