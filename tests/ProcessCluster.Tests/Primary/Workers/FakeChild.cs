using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Workers;

/// <summary>A worker's channels without a process behind them. A test has the other ends, and decides when the process has ended.</summary>
internal sealed unsafe class FakeChild : IChildProcess
{
    private readonly Descriptor _fromPrimary;
    private readonly Descriptor _toPrimary;
    private byte[] _unread = [];

    /// <param name="id">The number of the process.</param>
    /// <param name="connections">The number of connections that its memory has room for, beside offers.</param>
    public FakeChild(int id, int connections = 0)
    {
        Id = id;
        (_fromPrimary, ToChild) = OpenPipe();
        (FromChild, _toPrimary) = OpenPipe();
        _fromPrimary.SetNonBlocking();
        var sockets = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0, sockets));
        Handoff = new Descriptor(sockets[0]);
        Socket = new Descriptor(sockets[1]);
        var size = Board.SizeFor(connections);
        Memory = SharedMemory.Create(size, out var descriptor);
        WorkerMemory = SharedMemory.Map(descriptor, size);
    }

    public int Id { get; }

    public int ExitDescriptor => -1;

    public Descriptor ToChild { get; }

    public Descriptor FromChild { get; }

    public Descriptor Handoff { get; }

    public SharedMemory Memory { get; }

    /// <summary>Gets the worker's end of the socket over which connections travel.</summary>
    public Descriptor Socket { get; }

    /// <summary>Gets the worker's view of the memory.</summary>
    public SharedMemory WorkerMemory { get; }

    public Descriptor? StandardOutput => null;

    public Descriptor StandardError { get; } = new(-1);

    /// <summary>Gets or sets the end of the process; null while it runs.</summary>
    public ChildExit? Exit { get; set; }

    /// <summary>Gets the number of times that it was killed with all that it has started.</summary>
    public int Kills { get; private set; }

    public List<Signal> Signals { get; } = [];

    public bool IsDisposed { get; private set; }

    public bool HasEnded => Exit is not null;

    public void KillTree() => Kills++;

    public bool Kill(Signal signal)
    {
        Signals.Add(signal);
        return true;
    }

    public ChildExit? TryReap() => Exit;

    /// <summary>Returns the control messages that the primary has sent since the last call.</summary>
    public List<ControlMessage> Told()
    {
        var buffer = new byte[64 * 1024];
        for (int read; (read = Pipe.TryRead(_fromPrimary, buffer)) > 0;)
            _unread = [.. _unread, .. buffer.AsSpan(0, read)];
        List<ControlMessage> told = [];
        while (_unread.Length >= ControlCodec.LengthSize && BitConverter.ToInt32(_unread) + ControlCodec.LengthSize is var length && length <= _unread.Length)
        {
            told.Add(ControlCodec.Decode(_unread.AsSpan(ControlCodec.LengthSize, length - ControlCodec.LengthSize)));
            _unread = _unread[length..];
        }
        return told;
    }

    public void Dispose()
    {
        if (IsDisposed)
            return;
        IsDisposed = true;
        Memory.Dispose();
        _fromPrimary.Dispose();
        _toPrimary.Dispose();
        Socket.Dispose();
        WorkerMemory.Dispose();
    }

    private static (Descriptor Read, Descriptor Write) OpenPipe()
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.pipe2(pair, Libc.O_CLOEXEC));
        return (new Descriptor(pair[0]), new Descriptor(pair[1]));
    }
}
