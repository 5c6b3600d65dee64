using System.Buffers.Text;
using System.Globalization;

namespace ProcessCluster.Platform;

/// <summary>What <c>/proc</c> tells of processes (<c>man 5 proc</c>).</summary>
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

    /// <summary>Ends all processes of this one's group but this one. Does nothing where the group is not this process's own.</summary>
    public static void KillRestOfGroup()
    {
        var own = Environment.ProcessId;
        if (Libc.getpgrp() != own)
            return;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id != own && GroupOf(id) == own)
                _ = Libc.kill(id, (int)Signal.SIGKILL);
        }
    }

    /// <summary>Whether the process has ended and was not reaped.</summary>
    public static bool IsZombie(int processId)
    {
        Span<byte> text = stackalloc byte[1024];
        return Fields(StatOf(processId), text) is [(byte)'Z', ..];
    }

    /// <summary>
    /// Whether one of the process's threads runs, waits for a processor, or for the disk. True where the system does not say. Reads a small file for each
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

    private static int GroupOf(int processId)
    {
        Span<byte> text = stackalloc byte[1024];
        var fields = Fields(StatOf(processId), text);
        for (var skipped = 0; skipped < 2; skipped++)
            fields = fields[(fields.IndexOf((byte)' ') + 1)..];
        return Utf8Parser.TryParse(fields, out int group, out _) ? group : 0;
    }

    /// <summary>What follows the name, which is in parentheses and may hold anything: state, parent, group, and so on.</summary>
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
