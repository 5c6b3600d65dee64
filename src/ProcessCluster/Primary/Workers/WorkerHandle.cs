using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// One worker seen from the primary: its process, its link and where it is in its life. What the properties show may be read from
/// any thread; all else belongs to the cluster's loop.
/// </summary>
internal sealed class WorkerHandle : ClusterWorker, IFleetWorker, IConnectionHolder
{
    /// <summary>
    /// About what a worker takes of the primary beside objects: a thread's stack, three pipes, a socket. The collector is told, because it would let what is left of the workers that were lie
    /// until much else has been made: in a primary there is hardly anything else.
    /// </summary>
    private const int UnmanagedBytes = 1 << 20;

    private static readonly TimeSpan OutputPatience = TimeSpan.FromSeconds(1);

    private readonly IWorkerControl _control;
    private readonly IChildProcess _child;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<WorkerExit> _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IReadOnlyCollection<string>?> _booted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Lifecycle _life;
    private volatile int _slot;
    private volatile bool _isAdmitted;
    private WorkerOutput? _errors;
    private WorkerOutput? _output;
    private ITimer? _timer;

    public WorkerHandle(in WorkerPlace place, IChildProcess child, ClusterOptions options, Lifecycle life, IWorkerControl control)
        : base(place.Id)
    {
        _child = child;
        Board = new PrimaryBoard(child.Memory);
        GC.AddMemoryPressure(UnmanagedBytes);
        _control = control;
        _slot = place.Slot;
        Generation = place.Generation;
        Options = options;
        ProcessId = child.Id;
        _life = life;
    }

    public override int ProcessId { get; }

    public override int Slot => _slot;

    public override bool IsStandby => !_isAdmitted;

    public override int Generation { get; }

    public override WorkerState State => _life.State;

    public override bool IsConnected => _life.IsConnected;

    public override bool ExitedAfterDisconnect => _life.LeaveWanted;

    public override CancellationToken Stopping => _stopping.Token;

    /// <summary>The options that held when it was forked.</summary>
    public ClusterOptions Options { get; }

    public IChildProcess Child => _child;

    /// <summary>Gets the memory that it shares with the primary, until its process is given up.</summary>
    public PrimaryBoard Board { get; }

    public Lifecycle Life
    {
        get => _life;
        set => _life = value;
    }

    public Link? Link { get; private set; }

    /// <summary>Messages to and from it.</summary>
    public MessageChannel Channel { get; private set; } = null!;

    /// <summary>Gets whether a caller waits for its boot and reports its failure, so that the log need not.</summary>
    public bool BootIsAwaited { get; init; }

    /// <summary>Gets or sets what is wrong with it: why its program could not start, in its own words, or why it was cut off.</summary>
    public string? Fault { get; set; }

    /// <summary>Gets or sets whether the process has ended, though not all of its output may have been read.</summary>
    public bool ExitSeen { get; set; }

    /// <summary>Gets or sets whether its end was a crash. Known before its connections go to others.</summary>
    public bool HasCrashed { get; set; }

    /// <summary>Gets or sets whether it gets connections when it is up; else when it is told to.</summary>
    public bool IsAdmitted
    {
        get => _isAdmitted;
        set => _isAdmitted = value;
    }

    /// <summary>Gets or sets whether its slot is its alone and ends with it: nobody replaces it.</summary>
    public bool HasOwnSlot { get; set; }

    /// <summary>When its process was started.</summary>
    public DateTimeOffset Started { get; init; }

    /// <summary>Why it was told to leave, for its record.</summary>
    public string? LeaveReason { get; set; }

    /// <summary>The dump that was written of it.</summary>
    public string? DumpPath { get; set; }

    /// <summary>Gets or sets the path of a dump of it that was begun, and not ended.</summary>
    public string? PartOfDump { get; set; }

    /// <summary>Gets the files of its runtime in the folder for temporary files.</summary>
    public RuntimeFiles Files { get; init; }

    /// <summary>Its signs of life.</summary>
    public HeartbeatState Heartbeat { get; set; }

    /// <summary>Gets or sets whether a debugger was attached to it at its last sign of life.</summary>
    public bool IsDebugged { get; set; }

    public WorkerLoad Load { get; set; }

    /// <summary>Gets or sets the number of its connections when it began to leave.</summary>
    public int ConnectionsAtLeave { get; set; }

    /// <summary>Gets or sets the number of connections that it had cut before.</summary>
    public int CutBeforeLeave { get; set; }

    /// <summary>Gets or sets the number of connections that it has given back for others. It starts anew when the worker leaves.</summary>
    public int ConnectionsMoved { get; set; }

    /// <summary>Gets the outcome for its connections when it had left; all 0 for a worker that was not to leave.</summary>
    public DrainOutcome DrainOutcome { get; private set; }

    public bool IsUp => _life.IsUp;

    public bool IsGoing => _life is { LeaveWanted: true } or { Hung: true } or { IsConnected: false };

    public Task<IReadOnlyList<string>> LastErrors => LastErrorsAsync();

    /// <summary>Completes when what it has written was passed on: at its end, or, where something else holds its streams open, a second after.</summary>
    public Task OutputEnded => Task.WhenAny(
        Task.WhenAll(_errors?.Ended ?? Task.CompletedTask, _output?.Ended ?? Task.CompletedTask), Task.Delay(OutputPatience));

    /// <summary>When its boot was over (<see cref="TimeProvider.GetTimestamp"/>), or 0.</summary>
    public long UpSince { get; private set; }

    /// <summary>Completes when the process is gone and its exit has been raised.</summary>
    public Task<WorkerExit> Gone => _gone.Task;

    /// <summary>Completes with the addresses when the boot is over, with null when the worker ended before.</summary>
    public Task<IReadOnlyCollection<string>?> Booted => _booted.Task;

    public override async Task DisconnectAsync(CancellationToken cancellationToken = default)
    {
        _control.WantLeave(this);
        await _gone.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public override void Kill(Signal signal = Signal.SIGTERM)
    {
        Signals.ThrowIfNotSendable(signal);
        _control.WantKill(this, signal);
    }

    public override void ReportReady(IReadOnlyCollection<string> addresses) => ThrowUnlessWorker();

    public override void ReportStartFailure(string reason) => ThrowUnlessWorker();

    public override RequestScope TrackRequest() => throw new InvalidOperationException(
        "A worker counts its own requests, through Cluster.Worker; this object stands for another process.");

    public override ValueTask SendAsync<T>(T message, CancellationToken cancellationToken = default) =>
        Channel.SendAsync(Id, message, cancellationToken);

    internal override ValueTask<TAnswer> RequestCoreAsync<TRequest, TAnswer>(
        TRequest request, TimeSpan? timeout, CancellationToken cancellationToken) =>
        Channel.RequestAsync<TRequest, TAnswer>(Id, request, timeout, cancellationToken);

    /// <summary>Opens the link; nothing is read or written yet.</summary>
    public void Connect(EventLoop loop, MessagingScope scope, ILinkPeer peer)
    {
        Link = new Link(
            _child.FromChild, _child.ToChild, loop, $"ProcessCluster worker {Id}", () => scope.Options.MaxMessageBytes, isHeld: true, peer);
        Channel = new MessageChannel(FrameHeader.Primary, Id, ToString(), Link.Outbox, scope);
    }

    /// <summary>Has what it writes passed on.</summary>
    public void PassOn(OutputRelay relay)
    {
        _errors = WorkerOutput.Errors(relay, _child.StandardError, Options, Id);
        if (_child.StandardOutput is { } output)
            _output = WorkerOutput.Output(relay, output, Options, Id);
    }

    public void Send(ControlMessage message) => Link!.TrySend(message);

    public void MoveTo(int slot) => _slot = slot;

    /// <summary>The one deadline that holds for it now: for its boot, then for its leaving.</summary>
    public void SetTimer(ITimer? timer)
    {
        _timer?.Dispose();
        _timer = timer;
    }

    public void MarkUp(IReadOnlyCollection<string> addresses, long now)
    {
        UpSince = now;
        _booted.TrySetResult(addresses);
    }

    /// <summary>The process is gone, and what it has written was passed on.</summary>
    public async Task GoneWithOutput()
    {
        await _gone.Task.ConfigureAwait(false);
        await OutputEnded.ConfigureAwait(false);
    }

    public void MarkLeaving() => _stopping.CancelAsync(); // Callbacks are the program's: not on the loop's thread.

    /// <summary>The process is gone, and what it gave back was taken: what became of the connections that it had when it was to leave.</summary>
    public void CountDrainOutcome()
    {
        if (!_life.LeaveWanted)
            return;
        // Those that were there when the process ended, and those that it has cut itself: a host does so at its deadline, which is a little before ours.
        var open = Board.Open;
        var left = Math.Max(0, ConnectionsAtLeave - ConnectionsMoved - open);
        var cut = Math.Clamp(unchecked(Board.Cut - CutBeforeLeave), 0, left);
        DrainOutcome = new DrainOutcome(ConnectionsMoved, left - cut, open + cut);
    }

    /// <summary>The process has ended: removes the files that it could not remove any more.</summary>
    public void RemoveLeftFiles()
    {
        Files.Remove();
        if (PartOfDump is { } path)
            RuntimeFiles.RemoveFile(path);
    }

    /// <summary>Frees everything; the object stays as the record of a process that was.</summary>
    public void MarkGone(WorkerExit exit)
    {
        try
        {
            SetTimer(null);
            Link?.Dispose();
            _child.Handoff.Dispose();
            _child.Dispose();
            GC.RemoveMemoryPressure(UnmanagedBytes);
            // The runtime compiles better and better what a replacement runs, and the C library would keep what that took. Not on the loop: it may take milliseconds.
            ThreadPool.UnsafeQueueUserWorkItem(static _ => NativeHeap.Trim(), null);
        }
        finally
        {
            _booted.TrySetResult(null); // Whoever waits for it, such as a reload, goes on whatever failed.
            _gone.TrySetResult(exit);
        }
    }

    /// <summary>Takes back what there is of it, but the process: its start has failed. What is passed on ends with the process.</summary>
    public void Abandon()
    {
        SetTimer(null);
        GC.RemoveMemoryPressure(UnmanagedBytes);
        if (_errors is null)
            _child.StandardError.Dispose();
        if (_output is null)
            _child.StandardOutput?.Dispose();
        Link?.Dispose();
    }

    private async Task<IReadOnlyList<string>> LastErrorsAsync()
    {
        await OutputEnded.ConfigureAwait(false);
        return _errors?.Tail ?? [];
    }
}

/// <summary>The supervisor as a worker's public members see it. May be called from any thread.</summary>
internal interface IWorkerControl
{
    void WantLeave(WorkerHandle worker);

    void WantKill(WorkerHandle worker, Signal signal);
}
