using System.Net;
using ProcessCluster.Diagnostics;
using ProcessCluster.Messaging;

namespace ProcessCluster.Clustering;

/// <summary>The part of a cluster that is the same in its primary and in a worker: events, options and message handlers.</summary>
internal abstract class ClusterBase(ClusterLogger logger, TimeProvider time) : ICluster
{
    public event EventHandler<WorkerEventArgs>? Forked
    {
        add => Events.Forked += value;
        remove => Events.Forked -= value;
    }

    public event EventHandler<WorkerEventArgs>? Online
    {
        add => Events.Online += value;
        remove => Events.Online -= value;
    }

    public event EventHandler<WorkerListeningEventArgs>? Listening
    {
        add => Events.Listening += value;
        remove => Events.Listening -= value;
    }

    public event EventHandler<WorkerEventArgs>? Disconnected
    {
        add => Events.Disconnected += value;
        remove => Events.Disconnected -= value;
    }

    public event EventHandler<WorkerExitedEventArgs>? Exited
    {
        add => Events.Exited += value;
        remove => Events.Exited -= value;
    }

    public event EventHandler<WorkerEventArgs>? Hung
    {
        add => Events.Hung += value;
        remove => Events.Hung -= value;
    }

    public bool IsPrimary => Worker is null;

    public bool IsWorker => Worker is not null;

    public abstract ClusterWorker? Worker { get; }

    public abstract IReadOnlyDictionary<int, ClusterWorker> Workers { get; }

    public abstract IReadOnlyList<WorkerRecord> History { get; }

    public abstract CancellationToken GivenUp { get; }

    protected ClusterEvents Events { get; } = new(logger);

    protected MessagingScope Scope { get; } = new(logger, time);

    public void Configure(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Scope.Options = options.Validated();
    }

    public abstract ClusterWorker Fork(IReadOnlyDictionary<string, string?>? environment = null);

    public abstract Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken = default);

    public abstract Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken = default);

    public abstract Task ScaleAsync(int workers, ScaleDownOrder order = ScaleDownOrder.Youngest, CancellationToken cancellationToken = default);

    public abstract Task DisconnectAsync(CancellationToken cancellationToken = default);

    public abstract Task WaitForShutdownAsync(CancellationToken cancellationToken = default);

    public abstract Task<ClusterListener> ListenAsync(
        EndPoint endPoint, ClusterListenOptions? options = null, CancellationToken cancellationToken = default);

    public abstract Task<ClusterUdpSocket> BindUdpAsync(
        EndPoint endPoint, ClusterUdpOptions? options = null, CancellationToken cancellationToken = default);

    public abstract Task<ClusterLock> AcquireLockAsync(string name, CancellationToken cancellationToken = default);

    public abstract ValueTask BroadcastAsync<T>(T message, CancellationToken cancellationToken = default);

    public abstract ValueTask SendToAsync<T>(int workerId, T message, CancellationToken cancellationToken = default);

    public abstract ValueTask<TAnswer> RequestToAsync<TRequest, TAnswer>(
        int workerId, TRequest request, CancellationToken cancellationToken = default);

    public IDisposable OnMessage<T>(Action<T, MessageContext> handler) => Scope.Handlers.OnMessage(handler);

    public IDisposable OnMessage<T>(Func<T, MessageContext, ValueTask> handler) => Scope.Handlers.OnMessage(handler);

    public IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, TAnswer> handler) => Scope.Handlers.OnRequest(handler);

    public IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, ValueTask<TAnswer>> handler) => Scope.Handlers.OnRequest(handler);
}
