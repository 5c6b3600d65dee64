using System.Runtime.InteropServices;

namespace ProcessCluster.Linux.Interop;

/// <summary>Calls about files, the machine's memory and the terminal.</summary>
internal static unsafe partial class Libc
{
    public const int O_NOCTTY = 0x100;
    public const int AT_EMPTY_PATH = 0x1000;
    public const int SO_PEERCRED = 17;
    public const uint TIOCGPGRP = 0x540F;

    /// <summary><c>struct ucred</c>: who is at the other end of a Unix domain socket.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Credentials
    {
        public int ProcessId;
        public uint User;
        public uint Group;
    }

    /// <summary>The beginning of <c>struct sysinfo</c> on 64 bits, and the unit in which it counts.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    public struct SystemInfo
    {
        [FieldOffset(32)]
        public ulong TotalMemory;
        [FieldOffset(104)]
        public uint MemoryUnit;
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sysinfo(SystemInfo* info);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int descriptor, nuint request, void* argument);

    /// <summary>The handler is 0 for the system's default and 1 to ignore the signal.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint signal(int number, nint handler);
}
