using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ProcessCluster.Linux.Interop;

/// <summary>The C library's functions and Linux's numbers for them. Everything here is as <c>man 2</c> and the kernel's headers have it.</summary>
internal static unsafe partial class Libc
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int ENOMEM = 12;
    public const int EMFILE = 24;
    public const int ENFILE = 23;
    public const int EPIPE = 32;
    public const int ESRCH = 3;
    public const int EMSGSIZE = 90;
    public const int ECONNABORTED = 103;
    public const int ECONNRESET = 104;
    public const int ENOBUFS = 105;

    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_NONBLOCK = 0x800;
    public const int O_ASYNC = 0x2000;
    public const int O_CLOEXEC = 0x80000;

    public const int F_SETFD = 2;
    public const int F_GETFL = 3;
    public const int F_SETFL = 4;
    public const int F_SETOWN = 8;
    public const int F_SETSIG = 10;
    public const int F_DUPFD_CLOEXEC = 1030;
    public const int F_ADD_SEALS = 1033;
    public const int F_SEAL_SEAL = 1;
    public const int F_SEAL_SHRINK = 2;
    public const int F_SEAL_GROW = 4;

    public const uint MFD_CLOEXEC = 1;
    public const uint MFD_ALLOW_SEALING = 2;
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int MAP_SHARED = 1;
    public const int SEEK_END = 2;
    public static readonly void* MAP_FAILED = (void*)-1;
    public const int F_SETPIPE_SZ = 1031;
    public const int FD_CLOEXEC = 1;

    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;
    public const int SOCK_STREAM = 1;
    public const int SOCK_SEQPACKET = 5;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int SOL_SOCKET = 1;
    public const int SO_REUSEADDR = 2;
    public const int SO_REUSEPORT = 15;
    public const int SO_TYPE = 3;
    public const int SO_LINGER = 13;
    public const int SO_RCVLOWAT = 18;
    public const int SO_ACCEPTCONN = 30;
    public const int SO_DOMAIN = 39;
    public const int IPPROTO_TCP = 6;
    public const int TCP_FASTOPEN = 23;
    public const int SCM_RIGHTS = 1;
    public const int MSG_PEEK = 2;
    public const int MSG_CTRUNC = 0x8;
    public const int MSG_TRUNC = 0x20;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;
    public const int SHUT_WR = 1;
    public const int SHUT_RDWR = 2;

    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;
    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EFD_CLOEXEC = 0x80000;
    public const int EFD_NONBLOCK = 0x800;
    public const int CLOCK_MONOTONIC = 1;
    public const int TFD_CLOEXEC = 0x80000;
    public const int TFD_NONBLOCK = 0x800;

    public const int P_PID = 1;
    public const int WNOHANG = 1;
    public const int WEXITED = 4;
    public const int WNOWAIT = 0x01000000;
    public const int CLD_EXITED = 1;

    public const long SYS_pidfd_open = 434;
    public const long SYS_pidfd_send_signal = 424;

    public const int PR_SET_PDEATHSIG = 1;
    public const int PR_GET_CHILD_SUBREAPER = 37;

    public const int AT_FDCWD = -100;
    public const int AT_SYMLINK_NOFOLLOW = 0x100;
    public const uint STATX_BASIC_STATS = 0x7ff;

    public const short POSIX_SPAWN_SETPGROUP = 0x02;
    public const short POSIX_SPAWN_SETSIGDEF = 0x04;
    public const short POSIX_SPAWN_SETSIGMASK = 0x08;

    public const short POLLOUT = 0x4;
    public const short POLLIN = 0x1;
    public const short POLLHUP = 0x10;

    [StructLayout(LayoutKind.Sequential)]
    public struct IoVec
    {
        public void* Base;
        public nuint Length;
    }

    /// <summary>glibc's <c>struct msghdr</c> on 64 bits. musl has 32-bit lengths with padding: the same bytes while the padding is zero.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MsgHdr
    {
        public void* Name;
        public nuint NameLength;
        public IoVec* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
        private readonly int _padding;
    }

    /// <summary>A control message that carries exactly one descriptor: <c>CMSG_SPACE(sizeof(int))</c> on 64 bits.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct OneDescriptor
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        private readonly int _padding;

        /// <summary><c>CMSG_LEN(sizeof(int))</c>.</summary>
        public const int LengthWithDescriptor = 20;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>The part of <c>siginfo_t</c> that <c>waitid</c> fills on 64 bits.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    public struct SigInfo
    {
        [FieldOffset(8)]
        public int Code;
        [FieldOffset(16)]
        public int ProcessId;
        [FieldOffset(24)]
        public int Status;
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial int pipe2(int* descriptors, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* descriptors);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int descriptor);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint lseek(int descriptor, nint offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ftruncate(int descriptor, nint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc")]
    public static partial int malloc_trim(nuint pad);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(int descriptor, void* buffer, nuint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(Descriptor descriptor, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(Descriptor descriptor, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(Descriptor descriptor, void* buffer, nuint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint send(Descriptor descriptor, void* buffer, nuint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendmsg(Descriptor descriptor, MsgHdr* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(Descriptor descriptor, MsgHdr* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvfrom(Descriptor descriptor, void* buffer, nuint count, int flags, byte* address, int* addressLength);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendto(Descriptor descriptor, void* buffer, nuint count, int flags, byte* address, int addressLength);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int accept4(Descriptor descriptor, byte* address, int* addressLength, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockname(Descriptor descriptor, byte* address, int* addressLength);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(Descriptor descriptor, int level, int name, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(Descriptor descriptor, int level, int name, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int listen(Descriptor descriptor, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int shutdown(Descriptor descriptor, int how);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int connect(Descriptor socket, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollFd* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int descriptor, void* @event);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_wait(int epoll, void* events, int maxEvents, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int timerfd_create(int clock, int flags);

    /// <summary>The times are <c>struct itimerspec</c>, which is four of 64 bits: the interval's seconds and nanoseconds, the first tick's.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int timerfd_settime(Descriptor timer, int flags, long* value, long* old);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int kill(int processId, int signal);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int waitid(int idType, int id, SigInfo* info, int options);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint syscall(nint number, nint a, nint b, nint c, nint d);

    [LibraryImport("libc")]
    public static partial int getppid();

    [LibraryImport("libc", SetLastError = true)]
    public static partial int prctl(int operation, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    public static partial int statx(int directory, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fchmod(int descriptor, uint mode);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    public static partial int chmod(string path, uint mode);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    public static partial int lchown(string path, uint user, uint group);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc")]
    public static partial int getpgrp();

    /// <summary>The buffer has room for PATH_MAX, 4096 bytes; null when the path is not there.</summary>
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    public static partial byte* realpath(string path, byte* resolved);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_getaffinity(int processId, nint size, void* mask);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_setaffinity(int processId, nint size, void* mask);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unsetenv(string name);

    [LibraryImport("libc")]
    public static partial void _exit(int status);

    [LibraryImport("libc")]
    public static partial int posix_spawn_file_actions_init(void* actions);

    [LibraryImport("libc")]
    public static partial int posix_spawn_file_actions_destroy(void* actions);

    [LibraryImport("libc")]
    public static partial int posix_spawn_file_actions_adddup2(void* actions, int descriptor, int target);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn_file_actions_addopen(void* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn_file_actions_addchdir_np(void* actions, string path);

    [LibraryImport("libc")]
    public static partial int posix_spawnattr_init(void* attributes);

    [LibraryImport("libc")]
    public static partial int posix_spawnattr_destroy(void* attributes);

    [LibraryImport("libc")]
    public static partial int posix_spawnattr_setflags(void* attributes, short flags);

    [LibraryImport("libc")]
    public static partial int posix_spawnattr_setsigdefault(void* attributes, void* signals);

    [LibraryImport("libc")]
    public static partial int posix_spawnattr_setsigmask(void* attributes, void* signals);

    [LibraryImport("libc")]
    public static partial int sigemptyset(void* signals);

    [LibraryImport("libc")]
    public static partial int sigaddset(void* signals, int signal);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn(int* processId, string path, void* actions, void* attributes, byte** arguments, byte** environment);

    /// <summary>The last call's error as the exception that .NET's own sockets would have thrown.</summary>
    public static SocketException LastSocketException() => ToSocketException(Marshal.GetLastPInvokeError());

    public static SocketException ToSocketException(int errno) => new((int)ToSocketError(errno), Marshal.GetPInvokeErrorMessage(errno));

    public static IOException LastException(string what) => Exception(what, Marshal.GetLastPInvokeError());

    public static IOException Exception(string what, int errno) => new($"{what}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).");

    private static SocketError ToSocketError(int errno) => errno switch
    {
        EAGAIN => SocketError.WouldBlock,
        EMFILE or ENFILE => SocketError.TooManyOpenSockets,
        EPIPE or ECONNRESET => SocketError.ConnectionReset,
        ECONNABORTED => SocketError.ConnectionAborted,
        ENOBUFS or ENOMEM => SocketError.NoBufferSpaceAvailable,
        EMSGSIZE => SocketError.MessageSize,
        1 or 13 => SocketError.AccessDenied, // EPERM: a packet filter
        22 => SocketError.InvalidArgument,
        89 => SocketError.DestinationAddressRequired,
        97 => SocketError.AddressFamilyNotSupported,
        99 => SocketError.AddressNotAvailable,
        110 => SocketError.TimedOut,
        111 => SocketError.ConnectionRefused,
        113 => SocketError.HostUnreachable,
        101 => SocketError.NetworkUnreachable,
        107 => SocketError.NotConnected,
        _ => SocketError.SocketError,
    };
}
