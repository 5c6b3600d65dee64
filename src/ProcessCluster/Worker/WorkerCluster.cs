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
internal sealed class WorkerCluster : ClusterBase
{
    private readonly WorkerSession _session;
    private readonly SelfWorker _self;
    private readonly PosixSignalRegistration[] _ofThePrimary;

    public WorkerCluster(in WorkerPlace place, ClusterLogger logger)
        : base(logger, TimeProvider.System)
    {
        // Sent to all processes of a terminal or of a name, they mean the primary, which ends or replaces the workers in order.
        _ofThePrimary = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(static signal =>
            PosixSignalRegistration.Create(signal, static context => context.Cancel = true))];
        // A worker is in the background of any terminal: by these one that is set to it (stty tostop) would stop a worker that writes a line.
        ControllingTerminal.Ignore(Signal.SIGTTOU);
        ControllingTerminal.Ignore(Signal.SIGTTIN);
        _session = new WorkerSession(place, Scope, () => Events.Raise(WorkerEventKind.Disconnected, new WorkerEventArgs(_self!)));
        _self = new SelfWorker(place, _session);
        _session.Start();
    }

    public override ClusterWorker? Worker => _self;

    public override IReadOnlyDictionary<int, ClusterWorker> Workers => ReadOnlyDictionary<int, ClusterWorker>.Empty;

    public override ClusterWorker Fork(IReadOnlyDictionary<string, string?>? environment = null) => throw OnlyInPrimary("forked from");

    public override Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken = default) => throw OnlyInPrimary("started");

    public override Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken = default) => throw OnlyInPrimary("reloaded from");

    public override Task ScaleAsync(int workers, ScaleDownOrder order = ScaleDownOrder.Youngest, CancellationToken cancellationToken = default) =>
        throw OnlyInPrimary("scaled from");

    public override IReadOnlyList<WorkerRecord> History => [];

    public override CancellationToken GivenUp => CancellationToken.None;

    /// <summary>A worker disconnects itself.</summary>
    public override Task DisconnectAsync(CancellationToken cancellationToken = default) => _self.DisconnectAsync(cancellationToken);

    public override async Task WaitForShutdownAsync(CancellationToken cancellationToken = default)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stopping = _self.Stopping.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), asked);
        using var cancelled = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), asked);
        await asked.Task.ConfigureAwait(false);
    }

    public override async Task<ClusterListener> ListenAsync(
        EndPoint endPoint, ClusterListenOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        var validated = (options ?? new ClusterListenOptions()).Validated();
        var listener = await _session.ListenAsync(endPoint, validated, cancellationToken).ConfigureAwait(false);
        Events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(_self, listener.EndPoint));
        return listener;
    }

    public override ValueTask BroadcastAsync<T>(T message, CancellationToken cancellationToken = default) =>
        _session.Channel.SendAsync(FrameHeader.Everyone, message, cancellationToken);

    public override ValueTask SendToAsync<T>(int workerId, T message, CancellationToken cancellationToken = default) =>
        _session.Channel.SendAsync(NotSelf(workerId), message, cancellationToken);

    public override ValueTask<TAnswer> RequestToAsync<TRequest, TAnswer>(
        int workerId, TRequest request, CancellationToken cancellationToken = default) =>
        _session.Channel.RequestAsync<TRequest, TAnswer>(NotSelf(workerId), request, null, cancellationToken);

    public override async Task<ClusterUdpSocket> BindUdpAsync(
        EndPoint endPoint, ClusterUdpOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        var validated = (options ?? new ClusterUdpOptions()).Validated();
        var socket = await _session.BindUdpAsync(DatagramSocket.ThrowIfNotIP(endPoint), validated, cancellationToken).ConfigureAwait(false);
        Events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(_self, socket.LocalEndPoint, SocketType.Dgram));
        return socket;
    }

    public override Task<ClusterLock> AcquireLockAsync(string name, CancellationToken cancellationToken = default) =>
        _session.Locks.AcquireAsync(name, cancellationToken);

    private int NotSelf(int workerId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(workerId);
        return workerId != _self.Id ? workerId : throw new ArgumentOutOfRangeException(nameof(workerId), workerId, "This is this worker's own number.");
    }

    private static InvalidOperationException OnlyInPrimary(string what) =>
        new($"A cluster is {what} its primary; this process is a worker. Ask Cluster.IsPrimary first.");
}
