using System.Buffers.Binary;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Files;

/// <summary>The kind of a file.</summary>
internal enum FileKind
{
    Other = 0,
    Pipe = 0x1000,
    Socket = 0xC000,
}

/// <summary>The status of a file (<c>man 2 statx</c>). It needs no <c>/proc</c>.</summary>
/// <param name="Kind">The kind of the file.</param>
/// <param name="Owner">The number of the user to whom it belongs.</param>
/// <param name="Inode">Its number in its file system.</param>
internal readonly unsafe record struct FileStatus(FileKind Kind, uint Owner, ulong Inode)
{
    // The beginning of struct statx is the same on every system.
    private const int Size = 256, UserOffset = 20, ModeOffset = 28, InodeOffset = 32, TypeMask = 0xF000;

    /// <summary>The file of that name itself, also where it is a symbolic link; null when there is none.</summary>
    public static FileStatus? Of(string path) => Read(Libc.AT_FDCWD, path, Libc.AT_SYMLINK_NOFOLLOW);

    /// <summary>Returns the status of an open descriptor; null when it is not open.</summary>
    public static FileStatus? Of(int descriptor) => Read(descriptor, "", Libc.AT_EMPTY_PATH);

    private static FileStatus? Read(int directory, string path, int flags)
    {
        var status = stackalloc byte[Size];
        if (Libc.statx(directory, path, flags, Libc.STATX_BASIC_STATS, status) < 0)
            return null;
        var bytes = new ReadOnlySpan<byte>(status, Size);
        var type = (FileKind)(BinaryPrimitives.ReadUInt16LittleEndian(bytes[ModeOffset..]) & TypeMask);
        return new FileStatus(
            type is FileKind.Pipe or FileKind.Socket ? type : FileKind.Other,
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[UserOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[InodeOffset..]));
    }
}
