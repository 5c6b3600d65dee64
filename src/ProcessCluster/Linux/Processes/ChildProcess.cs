using System.Runtime.InteropServices;
using System.Text;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>A process to start, complete: it inherits nothing but what stands here.</summary>
internal sealed record ChildStart(
    WorkerPlace Place,
    string Path,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment,
    string? WorkingDirectory,
    ChildOutput Output,
    bool IsPinned,
    nuint SharedBytes);

/// <summary>The destination of the child's standard output. Its standard error always goes over a pipe.</summary>
internal enum ChildOutput
{
    /// <summary>The output of this process.</summary>
    Inherited,

    /// <summary>Over a pipe.</summary>
    Piped,

    /// <summary>Nowhere.</summary>
    Discarded,
}

/// <summary>
/// A child process with its two pipes, its hand-off socket and its standard streams. Started with <c>posix_spawn</c>, so that it gets exactly
/// these descriptors and no other child ever gets one of them: there is no moment at which they could be inherited by accident, which
/// is what keeps the end of a pipe seen as the end of the peer.
/// </summary>
internal sealed unsafe class ChildProcess : IChildProcess
{
    /// <summary>
    /// The child's descriptors: it reads messages from the first, writes them to the second, gets sockets from the third and shares memory by the fourth.
    /// </summary>
    public const int ReadDescriptor = 3, WriteDescriptor = 4, HandoffDescriptor = 5, MemoryDescriptor = 6;

    /// <summary>The number of channels between the two, and of descriptors with the standard streams.</summary>
    private const int Channels = 4, Streams = 2, All = Channels + Streams, MemoryAt = 3, OutputAt = Channels, ErrorAt = Channels + 1;

    private int _pidfd;

    private ChildProcess(int id, int pidfd, SharedMemory memory, int* mine)
    {
        Memory = memory;
        Id = id;
        _pidfd = pidfd;
        FromChild = new Descriptor(mine[0]);
        ToChild = new Descriptor(mine[1]);
        Handoff = new Descriptor(mine[2]);
        StandardOutput = mine[OutputAt] < 0 ? null : new Descriptor(mine[OutputAt]);
        StandardError = new Descriptor(mine[ErrorAt]);
    }

    public int Id { get; }

    /// <inheritdoc/>
    public int ExitDescriptor => _pidfd;

    /// <inheritdoc/>
    public Descriptor ToChild { get; }

    public Descriptor FromChild { get; }

    public Descriptor Handoff { get; }

    /// <inheritdoc/>
    public SharedMemory Memory { get; }

    /// <inheritdoc/>
    public Descriptor? StandardOutput { get; }

    public Descriptor StandardError { get; }

    /// <param name="start">The process to start.</param>
    /// <param name="reached">Told before each step; what it throws is that step's failure.</param>
    /// <exception cref="ClusterException">The program cannot be started, or the system has no more descriptors or processes. Nothing is left of it.</exception>
    public static ChildProcess Start(ChildStart start, Action<StartStep>? reached = null)
    {
        var mine = stackalloc int[All] { -1, -1, -1, -1, -1, -1 };
        var theirs = stackalloc int[All] { -1, -1, -1, -1, -1, -1 };
        SharedMemory? memory = null;
        var id = 0;
        var pidfd = -1;
        try
        {
            reached?.Invoke(StartStep.Channels);
            OpenChannels(mine, theirs);
            reached?.Invoke(StartStep.Memory);
            memory = SharedMemory.Create(start.SharedBytes, out theirs[MemoryAt]);
            MoveOutOfTheWay(theirs);
            reached?.Invoke(StartStep.Outputs);
            if (start.Output == ChildOutput.Piped)
                OpenPipe(out mine[OutputAt], out theirs[OutputAt]);
            OpenPipe(out mine[ErrorAt], out theirs[ErrorAt]);
            reached?.Invoke(StartStep.Arming);
            var marker = new WorkerMarker(start.Place, Environment.ProcessId, WorkerMarker.ChannelOf(theirs[0]));
            ParentDeath.Arm(theirs[0]);
            reached?.Invoke(StartStep.Spawning);
            id = Spawn(start, marker, theirs);

            reached?.Invoke(StartStep.Tying);
            ParentDeath.KillWhenParentEnds(theirs[0], id);
            // The child is ours to reap, so its id cannot be reused before this.
            reached?.Invoke(StartStep.Watching);
            pidfd = (int)Libc.syscall((nint)Libc.SYS_pidfd_open, id, 0, 0, 0);
            if (pidfd < 0)
                throw Libc.LastException("No descriptor of the new process could be opened (pidfd_open, Linux 5.3 or later)");
            reached?.Invoke(StartStep.Pinning);
            if (start.IsPinned)
                ProcessorAffinity.Pin(id, start.Place.Slot);
            return new ChildProcess(id, pidfd, memory, mine);
        }
        catch (Exception exception)
        {
            // Whatever it is: no descriptor and no process of the attempt stays.
            for (var i = 0; i < All; i++)
                CloseIfOpen(mine[i]);
            CloseIfOpen(pidfd);
            memory?.Dispose();
            if (id > 0)
                KillAndReap(id);
            throw new ClusterException($"The worker's program '{start.Path}' could not be started. {ReasonOf(start, exception)}", exception);
        }
        finally
        {
            for (var i = 0; i < All; i++)
                CloseIfOpen(theirs[i]);
        }
    }

    /// <inheritdoc/>
    public bool HasEnded => SigInfo(Id, Libc.WNOHANG | Libc.WNOWAIT) is not { ProcessId: 0 };

    /// <inheritdoc/>
    public void KillTree()
    {
        // As long as the child is not reaped, its id belongs to it and to its group.
        if (Libc.kill(-Id, (int)Signal.SIGKILL) < 0 && Marshal.GetLastPInvokeError() != Libc.ESRCH)
            throw new ClusterException($"Process {Id} could not be killed: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    /// <inheritdoc/>
    public ChildExit? TryReap()
    {
        switch (SigInfo(Id, Libc.WNOHANG | Libc.WNOWAIT))
        {
            case null:
                return new ChildExit(null, null); // Somebody else has reaped it (SIGCHLD ignored, a foreign waitpid).
            case { ProcessId: 0 }:
                return null;
        }
        KillTree();
        var info = SigInfo(Id, Libc.WNOHANG);
        if (info is not { } found)
            return new ChildExit(null, null);
        return found.Code == Libc.CLD_EXITED ? new ChildExit(found.Status, null) : new ChildExit(null, (Signal)found.Status);
    }

    /// <inheritdoc/>
    public bool Kill(Signal signal)
    {
        if (Libc.syscall((nint)Libc.SYS_pidfd_send_signal, _pidfd, (nint)signal, 0, 0) == 0)
            return true;
        return Marshal.GetLastPInvokeError() is Libc.ESRCH
            ? false
            : throw new ClusterException($"{signal} could not be sent to process {Id}: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    /// <summary>Ends the child and all that it has, for one that nobody will hear of: nobody took anything of it, or it was given back.</summary>
    public void Abandon()
    {
        ToChild.Dispose();
        FromChild.Dispose();
        Handoff.Dispose();
        Dispose();
        KillAndReap(Id);
    }

    /// <summary>Closes the descriptor of the process and the shared memory. The channels belong to those who took them.</summary>
    public void Dispose()
    {
        CloseIfOpen(Interlocked.Exchange(ref _pidfd, -1));
        Memory.Dispose();
    }

    /// <summary>Waits for the end on a thread of the pool: one that the system holds up in the middle of something ends only after that.</summary>
    private static void KillAndReap(int id)
    {
        Libc.kill(-id, (int)Signal.SIGKILL);
        ThreadPool.UnsafeQueueUserWorkItem(static id => SigInfo(id, 0), id, preferLocal: false);
    }

    /// <summary>A sentence that says what is missing: the system has one error for both.</summary>
    private static string ReasonOf(ChildStart start, Exception exception) => exception switch
    {
        IOException when start.WorkingDirectory is { } directory && !Directory.Exists(directory) => $"The directory '{directory}' is not there.",
        IOException when !File.Exists(start.Path) => "The file is not there.",
        IOException or ClusterException => exception.Message,
        _ => $"{exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}",
    };

    private static Libc.SigInfo? SigInfo(int id, int options)
    {
        Libc.SigInfo info = default;
        while (Libc.waitid(Libc.P_PID, id, &info, Libc.WEXITED | options) < 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
                return null;
        }
        return info;
    }

    /// <summary>From the parent's side: [0] reads, [1] writes, [2] hands over. The child's side in the order of its descriptors.</summary>
    private static void OpenChannels(int* mine, int* theirs)
    {
        OpenPipe(out theirs[0], out mine[1]);
        OpenPipe(out mine[0], out theirs[1]);
        var pair = stackalloc int[2];
        if (Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0, pair) < 0)
            throw Libc.LastException("No socket pair could be opened");
        (mine[2], theirs[2]) = (pair[0], pair[1]);
    }

    /// <summary>Away from the numbers that they get in the child, so that no dup2 overwrites a source.</summary>
    private static void MoveOutOfTheWay(int* theirs)
    {
        for (var i = 0; i < Channels; i++)
        {
            if (theirs[i] > MemoryDescriptor)
                continue;
            var moved = Libc.fcntl(theirs[i], Libc.F_DUPFD_CLOEXEC, MemoryDescriptor + 1);
            if (moved < 0)
                throw Libc.LastException("A descriptor could not be duplicated");
            Libc.close(theirs[i]);
            theirs[i] = moved;
        }
    }

    private static void OpenPipe(out int reads, out int writes)
    {
        var pair = stackalloc int[2];
        if (Libc.pipe2(pair, Libc.O_CLOEXEC) < 0)
            throw Libc.LastException("No pipe could be opened");
        reads = pair[0];
        writes = pair[1];
    }

    private static int Spawn(ChildStart start, WorkerMarker marker, int* descriptors)
    {
        // Both types are opaque; 1 KiB is more than any C library uses (glibc: 80 and 336 bytes).
        var actions = stackalloc byte[1024];
        var attributes = stackalloc byte[1024];
        var signals = stackalloc byte[128];
        Check(Libc.posix_spawn_file_actions_init(actions));
        Check(Libc.posix_spawnattr_init(attributes));
        byte** arguments = null;
        byte** environment = null;
        try
        {
            Check(Libc.posix_spawn_file_actions_addopen(actions, 0, "/dev/null", Libc.O_RDONLY, 0));
            // The streams first: their numbers may be those that the channels get.
            if (start.Output == ChildOutput.Discarded)
                Check(Libc.posix_spawn_file_actions_addopen(actions, (int)StandardStream.Output, "/dev/null", Libc.O_WRONLY, 0));
            else if (start.Output == ChildOutput.Piped)
                Check(Libc.posix_spawn_file_actions_adddup2(actions, descriptors[OutputAt], (int)StandardStream.Output));
            Check(Libc.posix_spawn_file_actions_adddup2(actions, descriptors[ErrorAt], (int)StandardStream.Error));
            for (var i = 0; i < Channels; i++)
                Check(Libc.posix_spawn_file_actions_adddup2(actions, descriptors[i], ReadDescriptor + i));
            if (start.WorkingDirectory is { } directory)
                Check(Libc.posix_spawn_file_actions_addchdir_np(actions, directory));

            // The runtime ignores SIGPIPE and may block signals in this thread; the child starts as from a shell.
            Check(Libc.sigemptyset(signals));
            Check(Libc.posix_spawnattr_setsigmask(attributes, signals));
            Check(Libc.sigaddset(signals, (int)Signal.SIGPIPE));
            Check(Libc.posix_spawnattr_setsigdefault(attributes, signals));
            // A group of its own, with the child's id: what it starts can be ended with it, and a terminal's signals are the primary's alone.
            Check(Libc.posix_spawnattr_setflags(
                attributes, Libc.POSIX_SPAWN_SETPGROUP | Libc.POSIX_SPAWN_SETSIGDEF | Libc.POSIX_SPAWN_SETSIGMASK));

            arguments = ToNative([start.Path, .. start.Arguments]);
            environment = ToNative([.. start.Environment.Select(static v => $"{v.Key}={v.Value}"), $"{WorkerMarker.Variable}={marker}"]);
            int id;
            Check(Libc.posix_spawn(&id, start.Path, actions, attributes, arguments, environment));
            return id;
        }
        finally
        {
            Free(arguments);
            Free(environment);
            _ = Libc.posix_spawn_file_actions_destroy(actions);
            _ = Libc.posix_spawnattr_destroy(attributes);
        }
    }

    private static byte** ToNative(string[] strings)
    {
        var array = (byte**)NativeMemory.AllocZeroed((nuint)strings.Length + 1, (nuint)sizeof(byte*));
        for (var i = 0; i < strings.Length; i++)
        {
            var size = Encoding.UTF8.GetByteCount(strings[i]);
            array[i] = (byte*)NativeMemory.AllocZeroed((nuint)size + 1);
            Encoding.UTF8.GetBytes(strings[i], new Span<byte>(array[i], size));
        }
        return array;
    }

    private static void Free(byte** array)
    {
        if (array is null)
            return;
        for (var at = array; *at is not null; at++)
            NativeMemory.Free(*at);
        NativeMemory.Free(array);
    }

    private static void Check(int errno)
    {
        if (errno != 0)
            throw Libc.Exception("posix_spawn failed", errno);
    }

    private static void CloseIfOpen(int descriptor)
    {
        if (descriptor >= 0)
            Libc.close(descriptor);
    }
}

/// <summary>The end of a child: by exit or by signal. Both are null when another part of this process has taken the status.</summary>
/// <param name="ExitCode">The code.</param>
/// <param name="Signal">The signal.</param>
/// <param name="ForWantOfMemory">True when the system killed it because memory was short.</param>
internal readonly record struct ChildExit(int? ExitCode, Signal? Signal, bool ForWantOfMemory = false);
