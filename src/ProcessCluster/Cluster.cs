using System.Net;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary;
using ProcessCluster.Worker;

namespace ProcessCluster;

/// <summary>
/// The cluster that this process belongs to, as Node's <c>cluster</c> module shows it: <c>if (Cluster.IsPrimary) { Cluster.Fork(); … } else { … }</c>.
/// The same for injection is <see cref="ICluster"/>. All members are thread-safe.
/// </summary>
public static class Cluster
{
    private static readonly ClusterLogger Logger = new();

    /// <inheritdoc cref="ICluster.Forked"/>
    public static event EventHandler<WorkerEventArgs>? Forked
    {
        add => Current.Forked += value;
        remove => Current.Forked -= value;
    }

    /// <inheritdoc cref="ICluster.Online"/>
    public static event EventHandler<WorkerEventArgs>? Online
    {
        add => Current.Online += value;
        remove => Current.Online -= value;
    }

    /// <inheritdoc cref="ICluster.Listening"/>
    public static event EventHandler<WorkerListeningEventArgs>? Listening
    {
        add => Current.Listening += value;
        remove => Current.Listening -= value;
    }

    /// <inheritdoc cref="ICluster.Disconnected"/>
    public static event EventHandler<WorkerEventArgs>? Disconnected
    {
        add => Current.Disconnected += value;
        remove => Current.Disconnected -= value;
    }

    /// <inheritdoc cref="ICluster.Exited"/>
    public static event EventHandler<WorkerExitedEventArgs>? Exited
    {
        add => Current.Exited += value;
        remove => Current.Exited -= value;
    }

    /// <inheritdoc cref="ICluster.Hung"/>
    public static event EventHandler<WorkerEventArgs>? Hung
    {
        add => Current.Hung += value;
        remove => Current.Hung -= value;
    }

    /// <summary>
    /// Gets whether this system can run a cluster: 64-bit Linux so far. Elsewhere a process is a primary without workers, and
    /// <see cref="Fork"/>, <see cref="StartAsync"/>, <see cref="ListenAsync"/> and <see cref="BindUdpAsync"/> throw
    /// <see cref="PlatformNotSupportedException"/>.
    /// </summary>
    public static bool IsSupported => OperatingSystemSupport.IsSupported;

    /// <summary>This process's view of the cluster, the one that is injected.</summary>
    public static ICluster Current { get; } = Create();

    /// <inheritdoc cref="ICluster.IsPrimary"/>
    public static bool IsPrimary => Current.IsPrimary;

    /// <inheritdoc cref="ICluster.IsWorker"/>
    public static bool IsWorker => Current.IsWorker;

    /// <inheritdoc cref="ICluster.Worker"/>
    public static ClusterWorker? Worker => Current.Worker;

    /// <inheritdoc cref="ICluster.Workers"/>
    public static IReadOnlyDictionary<int, ClusterWorker> Workers => Current.Workers;

    /// <inheritdoc cref="ICluster.Configure"/>
    public static void Configure(ClusterOptions options) => Current.Configure(options);

    /// <inheritdoc cref="ICluster.Fork"/>
    public static ClusterWorker Fork(IReadOnlyDictionary<string, string?>? environment = null) => Current.Fork(environment);

    /// <inheritdoc cref="ICluster.StartAsync"/>
    public static Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken = default) => Current.StartAsync(cancellationToken);

    /// <inheritdoc cref="ICluster.ReloadAsync"/>
    public static Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken = default) => Current.ReloadAsync(cancellationToken);

    /// <inheritdoc cref="ICluster.ScaleAsync"/>
    public static Task ScaleAsync(
        int workers, ScaleDownOrder order = ScaleDownOrder.Youngest, CancellationToken cancellationToken = default) =>
        Current.ScaleAsync(workers, order, cancellationToken);

    /// <inheritdoc cref="ICluster.History"/>
    public static IReadOnlyList<WorkerRecord> History => Current.History;

    /// <inheritdoc cref="ICluster.GivenUp"/>
    public static CancellationToken GivenUp => Current.GivenUp;

    /// <inheritdoc cref="ICluster.DisconnectAsync"/>
    public static Task DisconnectAsync(CancellationToken cancellationToken = default) => Current.DisconnectAsync(cancellationToken);

    /// <inheritdoc cref="ICluster.WaitForShutdownAsync"/>
    public static Task WaitForShutdownAsync(CancellationToken cancellationToken = default) => Current.WaitForShutdownAsync(cancellationToken);

    /// <inheritdoc cref="ICluster.ListenAsync"/>
    public static Task<ClusterListener> ListenAsync(
        EndPoint endPoint, ClusterListenOptions? options = null, CancellationToken cancellationToken = default) =>
        Current.ListenAsync(endPoint, options, cancellationToken);

    /// <inheritdoc cref="ICluster.BroadcastAsync"/>
    public static ValueTask BroadcastAsync<T>(T message, CancellationToken cancellationToken = default) =>
        Current.BroadcastAsync(message, cancellationToken);

    /// <inheritdoc cref="ICluster.SendToAsync"/>
    public static ValueTask SendToAsync<T>(int workerId, T message, CancellationToken cancellationToken = default) =>
        Current.SendToAsync(workerId, message, cancellationToken);

    /// <inheritdoc cref="ICluster.RequestToAsync"/>
    public static ValueTask<TAnswer> RequestToAsync<TRequest, TAnswer>(
        int workerId, TRequest request, CancellationToken cancellationToken = default) =>
        Current.RequestToAsync<TRequest, TAnswer>(workerId, request, cancellationToken);

    /// <inheritdoc cref="ICluster.OnMessage{T}(Action{T, MessageContext})"/>
    public static IDisposable OnMessage<T>(Action<T, MessageContext> handler) => Current.OnMessage(handler);

    /// <inheritdoc cref="ICluster.OnMessage{T}(Func{T, MessageContext, ValueTask})"/>
    public static IDisposable OnMessage<T>(Func<T, MessageContext, ValueTask> handler) => Current.OnMessage(handler);

    /// <inheritdoc cref="ICluster.OnRequest{TRequest, TAnswer}(Func{TRequest, MessageContext, TAnswer})"/>
    public static IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, TAnswer> handler) => Current.OnRequest(handler);

    /// <inheritdoc cref="ICluster.OnRequest{TRequest, TAnswer}(Func{TRequest, MessageContext, ValueTask{TAnswer}})"/>
    public static IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, ValueTask<TAnswer>> handler) =>
        Current.OnRequest(handler);

    /// <inheritdoc cref="ICluster.BindUdpAsync"/>
    public static Task<ClusterUdpSocket> BindUdpAsync(
        EndPoint endPoint, ClusterUdpOptions? options = null, CancellationToken cancellationToken = default) =>
        Current.BindUdpAsync(endPoint, options, cancellationToken);

    /// <inheritdoc cref="ICluster.AcquireLockAsync"/>
    public static Task<ClusterLock> AcquireLockAsync(string name, CancellationToken cancellationToken = default) =>
        Current.AcquireLockAsync(name, cancellationToken);

    /// <summary>Has the cluster log through a host's logger from now on.</summary>
    internal static void LogTo(Microsoft.Extensions.Logging.ILoggerFactory factory) => Logger.WriteTo(factory);

    private static ICluster Create() => WorkerMarker.Take() is { } marker
        ? new WorkerCluster(marker.Place, Logger)
        : new PrimaryCluster(Logger, TimeProvider.System);
}
