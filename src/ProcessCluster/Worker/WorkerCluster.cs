using System.Collections.ObjectModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ProcessCluster.Clustering;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Messaging;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>The cluster as one of its workers sees it.</summary>
internal sealed class WorkerCluster : ICluster
{
    private readonly ClusterEvents _events;
    private readonly MessagingScope _scope;
    private readonly WorkerSession _session;
    private readonly SelfWorker _self;
    private readonly PosixSignalRegistration[] _ofThePrimary;

    public WorkerCluster(in WorkerPlace place, ClusterLogger logger)
    {
        _events = new ClusterEvents(logger);
        // Sent to all processes of a terminal or of a name, they mean the primary, which ends or replaces the workers in order.
        _ofThePrimary = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(static signal =>
            PosixSignalRegistration.Create(signal, static context => context.Cancel = true))];
        // A worker is in the background of any terminal: by these one that is set to it (stty tostop) would stop a worker that writes a line.
        ControllingTerminal.Ignore(Signal.SIGTTOU);
        ControllingTerminal.Ignore(Signal.SIGTTIN);
        _scope = new MessagingScope(logger, TimeProvider.System);
        _session = new WorkerSession(place, _scope, () => _events.Raise(WorkerEventKind.Disconnected, new WorkerEventArgs(_self!)));
        _self = new SelfWorker(place, _session);
        _session.Start();
    }

    public event EventHandler<WorkerEventArgs>? Forked
    {
        add => _events.Forked += value;
        remove => _events.Forked -= value;
    }

    public event EventHandler<WorkerEventArgs>? Online
    {
        add => _events.Online += value;
        remove => _events.Online -= value;
    }

    public event EventHandler<WorkerListeningEventArgs>? Listening
    {
        add => _events.Listening += value;
        remove => _events.Listening -= value;
    }

    public event EventHandler<WorkerEventArgs>? Disconnected
    {
        add => _events.Disconnected += value;
        remove => _events.Disconnected -= value;
    }

    public event EventHandler<WorkerExitedEventArgs>? Exited
    {
        add => _events.Exited += value;
        remove => _events.Exited -= value;
    }

    public event EventHandler<WorkerEventArgs>? Hung
    {
        add => _events.Hung += value;
        remove => _events.Hung -= value;
    }

    public bool IsPrimary => false;

    public bool IsWorker => true;

    public ClusterWorker? Worker => _self;

    public IReadOnlyDictionary<int, ClusterWorker> Workers => ReadOnlyDictionary<int, ClusterWorker>.Empty;

    public void Configure(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _scope.Options = options.Validated();
    }

    public ClusterWorker Fork(IReadOnlyDictionary<string, string?>? environment = null) => throw OnlyInPrimary("forked from");

    public Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken = default) => throw OnlyInPrimary("started");

    public Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken = default) => throw OnlyInPrimary("reloaded from");

    public Task ScaleAsync(int workers, ScaleDownOrder order = ScaleDownOrder.Youngest, CancellationToken cancellationToken = default) =>
        throw OnlyInPrimary("scaled from");

    public IReadOnlyList<WorkerRecord> History => [];

    public CancellationToken GivenUp => CancellationToken.None;

    /// <summary>A worker disconnects itself.</summary>
    public Task DisconnectAsync(CancellationToken cancellationToken = default) => _self.DisconnectAsync(cancellationToken);

    public async Task WaitForShutdownAsync(CancellationToken cancellationToken = default)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stopping = _self.Stopping.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), asked);
        using var cancelled = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), asked);
        await asked.Task.ConfigureAwait(false);
    }

    public async Task<ClusterListener> ListenAsync(
        EndPoint endPoint, ClusterListenOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        var validated = (options ?? new ClusterListenOptions()).Validated();
        var listener = await _session.ListenAsync(endPoint, validated, cancellationToken).ConfigureAwait(false);
        _events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(_self, listener.EndPoint));
        return listener;
    }

    public ValueTask BroadcastAsync<T>(T message, CancellationToken cancellationToken = default) =>
        _session.Channel.SendAsync(FrameHeader.Everyone, message, cancellationToken);

    public ValueTask SendToAsync<T>(int workerId, T message, CancellationToken cancellationToken = default) =>
        _session.Channel.SendAsync(NotSelf(workerId), message, cancellationToken);

    public ValueTask<TAnswer> RequestToAsync<TRequest, TAnswer>(
        int workerId, TRequest request, CancellationToken cancellationToken = default) =>
        _session.Channel.RequestAsync<TRequest, TAnswer>(NotSelf(workerId), request, null, cancellationToken);

    public IDisposable OnMessage<T>(Action<T, MessageContext> handler) => _scope.Handlers.OnMessage(handler);

    public IDisposable OnMessage<T>(Func<T, MessageContext, ValueTask> handler) => _scope.Handlers.OnMessage(handler);

    public IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, TAnswer> handler) => _scope.Handlers.OnRequest(handler);

    public IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, ValueTask<TAnswer>> handler) => _scope.Handlers.OnRequest(handler);

    public async Task<ClusterUdpSocket> BindUdpAsync(
        EndPoint endPoint, ClusterUdpOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        var validated = (options ?? new ClusterUdpOptions()).Validated();
        var socket = await _session.BindUdpAsync(DatagramSocket.ThrowIfNotIP(endPoint), validated, cancellationToken).ConfigureAwait(false);
        _events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(_self, socket.LocalEndPoint, SocketType.Dgram));
        return socket;
    }

    public Task<ClusterLock> AcquireLockAsync(string name, CancellationToken cancellationToken = default) =>
        _session.Locks.AcquireAsync(name, cancellationToken);

    private int NotSelf(int workerId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(workerId);
        return workerId != _self.Id ? workerId : throw new ArgumentOutOfRangeException(nameof(workerId), workerId, "This is this worker's own number.");
    }

    private static InvalidOperationException OnlyInPrimary(string what) =>
        new($"A cluster is {what} its primary; this process is a worker. Ask Cluster.IsPrimary first.");
}
