using Microsoft.Win32.SafeHandles;

namespace ProcessCluster.Linux.Interop;

/// <summary>
/// An open file descriptor that closes with <c>close(2)</c> and nothing else. .NET's own socket handle may shut the connection
/// down or set SO_LINGER when it is closed, which would hurt every other process that holds the same socket.
/// </summary>
internal sealed class Descriptor : SafeHandleMinusOneIsInvalid
{
    public Descriptor()
        : base(ownsHandle: true)
    {
    }

    public Descriptor(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The number, for a moment: the caller keeps the handle alive and open.</summary>
    public int Number => (int)handle;

    /// <summary>Gives the descriptor away: this object no longer closes it.</summary>
    public int Release()
    {
        var number = Number;
        SetHandleAsInvalid();
        return number;
    }

    /// <summary>Another descriptor of the same open file, closed on exec.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor is left.</exception>
    public Descriptor Duplicate() => DuplicateOf(Number);

    /// <inheritdoc cref="Duplicate"/>
    public static Descriptor DuplicateOf(int number)
    {
        var copy = new Descriptor(Libc.fcntl(number, Libc.F_DUPFD_CLOEXEC, 0));
        return copy.IsInvalid ? throw Libc.LastSocketException() : copy;
    }

    /// <summary>Closes a descriptor by its number.</summary>
    public static void Close(int number) => _ = Libc.close(number);

    /// <summary>Has the descriptor closed in every program that this process executes.</summary>
    public void CloseOnExec() => _ = Libc.fcntl(Number, Libc.F_SETFD, Libc.FD_CLOEXEC);

    /// <summary>Has no call on the open file block.</summary>
    public void SetNonBlocking() => _ = Libc.fcntl(Number, Libc.F_SETFL, Libc.fcntl(Number, Libc.F_GETFL, 0) | Libc.O_NONBLOCK);

    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;
}
