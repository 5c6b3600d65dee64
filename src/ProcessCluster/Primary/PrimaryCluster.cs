using System.Net;
using System.Runtime.InteropServices;
using ProcessCluster.Clustering;
using ProcessCluster.Connections;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Messaging;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>The cluster as its primary sees it. Starts its thread with the first fork, so that a process without workers costs nothing.</summary>
internal sealed class PrimaryCluster : ClusterBase
{
    private readonly ClusterLogger _logger;
    private readonly Lazy<Supervisor> _supervisor;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _givenUp = new();
    private PosixSignalRegistration? _interrupt;
    private PosixSignalRegistration? _fileTooLarge;
    private int _interrupts;
    private ManagedFleet? _management;
    private readonly PrimaryLocks _locks;
    private readonly Lazy<TerminalWatch> _terminal;
    private Task? _disconnecting;
    private volatile bool _isLeaving; // Before a worker hears of it: a second interrupt may follow at once.

    public PrimaryCluster(ClusterLogger logger, TimeProvider time)
        : base(logger, time)
    {
        _logger = logger;
        _time = time;
        SelfCommand.Remember();
        SystemdSockets.Take();
        _terminal = new Lazy<TerminalWatch>(() => new TerminalWatch(time, static () => ControllingTerminal.Role));
        _locks = new PrimaryLocks((worker, request) => _supervisor!.Value.GrantLock(worker, request));
        _supervisor = new Lazy<Supervisor>(() =>
        {
            _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, CountInterrupt);
            // A log that is as long as a file may be (ulimit -f) is an error of the write, not the end of the primary, which writes for its workers.
            _fileTooLarge = PosixSignalRegistration.Create(CurrentProcess.FileTooLarge, static context => context.Cancel = true);
            _ = _terminal.Value;
            return new Supervisor(Events, Scope, _locks.Table);
        });
    }

    /// <inheritdoc cref="Supervisor.Reached"/>
    public Action<StartStep>? Reached
    {
        get => _supervisor.Value.Reached;
        set => _supervisor.Value.Reached = value;
    }

    public override ClusterWorker? Worker => null;

    public override IReadOnlyDictionary<int, ClusterWorker> Workers =>
        _supervisor.IsValueCreated ? _supervisor.Value.Workers : System.Collections.ObjectModel.ReadOnlyDictionary<int, ClusterWorker>.Empty;

    public override ClusterWorker Fork(IReadOnlyDictionary<string, string?>? environment = null)
    {
        ThrowIfUnsupported("Cluster.Fork");
        var options = Scope.Options;
        return _supervisor.Value.Loop.Invoke(() =>
        {
            ThrowIfDisconnecting();
            return _supervisor.Value.Fork(options, environment);
        });
    }

    public override async Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfUnsupported("Cluster.StartAsync");
        var options = Scope.Options;
        var supervisor = _supervisor.Value;
        var management = supervisor.Loop.Invoke(() =>
        {
            ThrowIfDisconnecting();
            if (_management is not null)
                throw new InvalidOperationException("The cluster is started already.");
            return _management = new ManagedFleet(supervisor, options, _time, _logger, _terminal.Value, GiveUp);
        });
        try
        {
            return await management.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await DisconnectAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    public override Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken = default) =>
        Started("reloaded").ReloadAsync().WaitAsync(cancellationToken);

    public override Task ScaleAsync(int workers, ScaleDownOrder order = ScaleDownOrder.Youngest, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(workers, ClusterOptions.MaxWorkerCount);
        if (!Enum.IsDefined(order))
            throw new ArgumentOutOfRangeException(nameof(order), order, "Give Youngest or Oldest.");
        return Started("scaled").ScaleAsync(workers, order).WaitAsync(cancellationToken);
    }

    public override IReadOnlyList<WorkerRecord> History => _supervisor.IsValueCreated ? _supervisor.Value.History : [];

    public override CancellationToken GivenUp => _givenUp.Token;

    public override async Task DisconnectAsync(CancellationToken cancellationToken = default)
    {
        if (!_supervisor.IsValueCreated)
            return;
        var disconnecting = _supervisor.Value.Loop.Invoke(() => _disconnecting ??= LeaveAllAsync());
        await disconnecting.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async Task WaitForShutdownAsync(CancellationToken cancellationToken = default)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true; // This process ends when its workers have.
            asked.TrySetResult();
        }

        void OnHangUp(PosixSignalContext context)
        {
            // A started cluster takes it itself. Else it is the program's, or ends it at once as ever, unless its terminal is gone.
            if (Volatile.Read(ref _management) is null && _supervisor.IsValueCreated && _terminal.Value.IsJustGone)
                OnSignal(context);
        }

        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangUp);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, OnSignal);
        using var cancelled = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), asked);
        using var givenUp = GivenUp.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), asked);
        await asked.Task.ConfigureAwait(false);
        await DisconnectAsync(CancellationToken.None).ConfigureAwait(false);
    }

    public override Task<ClusterListener> ListenAsync(
        EndPoint endPoint, ClusterListenOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult<ClusterListener>(LocalListener.Bind(endPoint, (options ?? new ClusterListenOptions()).Validated()));
    }

    public override async ValueTask BroadcastAsync<T>(T message, CancellationToken cancellationToken = default)
    {
        // To each at once: one that has no room holds up the sender, not the others.
        List<Task> sending = [];
        foreach (var worker in Workers.Values)
            sending.Add(SendUnlessGoneAsync(worker, message, cancellationToken));
        await Task.WhenAll(sending).ConfigureAwait(false);
    }

    public override ValueTask SendToAsync<T>(int workerId, T message, CancellationToken cancellationToken = default) =>
        WorkerOf(workerId).SendAsync(message, cancellationToken);

    public override ValueTask<TAnswer> RequestToAsync<TRequest, TAnswer>(
        int workerId, TRequest request, CancellationToken cancellationToken = default) =>
        WorkerOf(workerId).RequestAsync<TRequest, TAnswer>(request, cancellationToken);

    public override Task<ClusterUdpSocket> BindUdpAsync(
        EndPoint endPoint, ClusterUdpOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        cancellationToken.ThrowIfCancellationRequested();
        var socket = DatagramSocket.Bind(endPoint, (options ?? new ClusterUdpOptions()).Validated(), out var bound);
        return Task.FromResult(new ClusterUdpSocket(socket, SocketLoop.Instance, bound, closed: null));
    }

    public override Task<ClusterLock> AcquireLockAsync(string name, CancellationToken cancellationToken = default) =>
        _locks.AcquireAsync(name, cancellationToken);

    private static void ThrowIfUnsupported(string call) =>
        OperatingSystemSupport.ThrowIfUnsupported(call, "Run the work in this process instead, as UseProcessCluster() does.");

    private static async Task SendUnlessGoneAsync<T>(ClusterWorker worker, T message, CancellationToken cancellationToken)
    {
        try
        {
            await worker.SendAsync(message, cancellationToken).ConfigureAwait(false);
        }
        catch (PeerGoneException)
        {
            // Everybody who is there gets it; this one is not there any more.
        }
    }

    private ClusterWorker WorkerOf(int id)
    {
        if (id == FrameHeader.Primary)
            throw new ArgumentOutOfRangeException(nameof(id), id, "This is the primary itself: workers have the numbers from 1.");
        return Workers.TryGetValue(id, out var worker) ? worker : throw new PeerGoneException($"There is no worker {id}: it has ended, or never was.");
    }

    private ManagedFleet Started(string what) => Volatile.Read(ref _management) ?? throw new InvalidOperationException(
        $"Only a cluster that is started can be {what}: call StartAsync, or UseProcessCluster in a host. What was forked by hand is the program's own to replace.");

    private void GiveUp()
    {
        Environment.ExitCode = RestartOptions.GivenUpExitCode;
        _ = _givenUp.CancelAsync(); // Callbacks are the program's: not on the loop's thread.
    }

    /// <summary>Whoever stops the cluster takes the first; the next one, while it stops, ends the workers at once.</summary>
    private void CountInterrupt(PosixSignalContext context)
    {
        if (Interlocked.Increment(ref _interrupts) < 2 || !_isLeaving)
            return;
        foreach (var worker in Workers.Values)
            worker.Kill(Signal.SIGKILL);
    }

    private void ThrowIfDisconnecting()
    {
        if (_disconnecting is not null)
        {
            throw new InvalidOperationException(
                "The cluster is being disconnected: no worker can be forked until DisconnectAsync has completed. "
                + "In a handler of Exited, look at Worker.ExitedAfterDisconnect before forking again.");
        }
    }

    /// <summary>Called on the loop.</summary>
    private Task LeaveAllAsync()
    {
        _isLeaving = true;
        _management?.Stop();
        var gone = _supervisor.Value.LeaveAll();
        return CompleteAsync();

        async Task CompleteAsync()
        {
            await Task.Yield(); // The caller stores the task before it can complete, which forgets it.
            // Each worker has its own deadline, at which it is killed.
            await Task.WhenAll(gone).ConfigureAwait(false);
            await Events.FlushAsync().ConfigureAwait(false);
            _management?.Dispose();
            _supervisor.Value.Loop.Invoke(() => (_management = null, _disconnecting = null, _isLeaving = false, _interrupts = 0));
        }
    }
}
