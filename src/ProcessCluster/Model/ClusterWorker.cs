using System.Net;

namespace ProcessCluster;

/// <summary>
/// One worker: in the primary a process seen from outside, in a worker the process itself (<see cref="ICluster.Worker"/>).
/// All members are thread-safe. Events are raised on the thread pool, one after another in the order in which things happened. A handler that is
/// added when its event was raised already is called for that, too, once: whoever attaches after <see cref="ICluster.Fork"/> misses nothing.
/// </summary>
public abstract class ClusterWorker
{
    private protected ClusterWorker(int id) => Id = id;

    /// <summary>Raised in the primary when the worker's process has been started.</summary>
    public event EventHandler<WorkerEventArgs>? Forked
    {
        add => Handlers.Add(WorkerEventKind.Forked, value);
        remove => Handlers.Remove(WorkerEventKind.Forked, value);
    }

    /// <summary>Raised in the primary when the worker's link is up.</summary>
    public event EventHandler<WorkerEventArgs>? Online
    {
        add => Handlers.Add(WorkerEventKind.Online, value);
        remove => Handlers.Remove(WorkerEventKind.Online, value);
    }

    /// <summary>Raised when the worker listens on an end point, once for each.</summary>
    public event EventHandler<WorkerListeningEventArgs>? Listening
    {
        add => Handlers.Add(WorkerEventKind.Listening, value);
        remove => Handlers.Remove(WorkerEventKind.Listening, value);
    }

    /// <summary>Raised once, when the link between the worker and the primary has closed for whatever reason.</summary>
    public event EventHandler<WorkerEventArgs>? Disconnected
    {
        add => Handlers.Add(WorkerEventKind.Disconnected, value);
        remove => Handlers.Remove(WorkerEventKind.Disconnected, value);
    }

    /// <summary>Raised in the primary, once and after <see cref="Disconnected"/>, when the worker's process is gone.</summary>
    public event EventHandler<WorkerExitedEventArgs>? Exited
    {
        add => Handlers.Add(WorkerEventKind.Exited, value);
        remove => Handlers.Remove(WorkerEventKind.Exited, value);
    }

    /// <summary>Raised in the primary when the worker has given no sign of life for <see cref="ClusterOptions.HeartbeatTimeout"/>, before it is killed.</summary>
    public event EventHandler<WorkerEventArgs>? Hung
    {
        add => Handlers.Add(WorkerEventKind.Hung, value);
        remove => Handlers.Remove(WorkerEventKind.Hung, value);
    }

    /// <summary>The worker's number in this cluster: from 1, never reused.</summary>
    public int Id { get; }

    /// <summary>
    /// The worker's slot: from 0, the lowest that was free; reused by the worker that follows it, so that a cluster of n workers has 0 to n-1. A worker
    /// that replaces one has its slot while both live. What PM2 gives as <c>NODE_APP_INSTANCE</c>. A standby worker has the number of a slot
    /// beyond, until it takes another one's place.
    /// </summary>
    public abstract int Slot { get; }

    /// <summary>
    /// Gets whether the worker gets no connections yet, though it listens: it stands by (<see cref="ClusterOptions.StandbyWorkers"/>), or is the new one of a
    /// reload and not through its probe.
    /// </summary>
    public abstract bool IsStandby { get; }

    /// <summary>Gets the number of the reload that started the worker: 1 at first, one more with each reload.</summary>
    public abstract int Generation { get; }

    /// <summary>The operating system's id of the worker's process. It stays after the process has ended.</summary>
    public abstract int ProcessId { get; }

    /// <summary>Gets the state of the worker.</summary>
    public abstract WorkerState State { get; }

    /// <summary>Gets whether the link between the worker and the primary is open. It is from creation on.</summary>
    public abstract bool IsConnected { get; }

    /// <summary>Gets whether the worker's process has ended. Always false in the worker itself.</summary>
    public bool IsDead => State == WorkerState.Dead;

    /// <summary>
    /// Gets whether the worker was asked to leave (<see cref="DisconnectAsync"/> on either side, SIGTERM, shutdown), rather than crashed.
    /// False until then. <see cref="Kill"/> leaves it false, as Node's <c>worker.exitedAfterDisconnect</c> does.
    /// </summary>
    public abstract bool ExitedAfterDisconnect { get; }

    /// <summary>
    /// In a worker: cancelled when the worker shall leave (asked by the primary, SIGTERM, or because the primary is gone).
    /// A program that reads it also takes over SIGTERM, which then means "finish what you do and end" instead of ending at once.
    /// In the primary: cancelled when the worker has been asked to leave or is gone.
    /// </summary>
    public abstract CancellationToken Stopping { get; }

    /// <summary>
    /// Takes the worker out of the cluster. In the primary: no more connections go to it, it is asked to finish what it is doing and
    /// to end, and it is killed at <see cref="ClusterOptions.DrainTimeout"/>; completes when its process is gone. In the worker
    /// itself: the primary is told, the listeners end, the link closes (if it holds locks of the cluster, as soon as it has given them back);
    /// completes then, and the process goes on.
    /// Calling it again joins the first call.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting, not the leaving.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled before the worker was gone.</exception>
    public abstract Task DisconnectAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Sends a signal to the worker's process (POSIX <c>kill</c>). Nothing is drained. A process that is gone already is no error.
    /// </summary>
    /// <param name="signal">The signal; SIGTERM by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not that of a signal (1 to 64).</exception>
    /// <exception cref="ClusterException">The system refused to send it.</exception>
    public abstract void Kill(Signal signal = Signal.SIGTERM);

    /// <summary>
    /// For hosts, in a worker: says that the program is up and can serve. Completes <see cref="ICluster.StartAsync"/> in the primary.
    /// </summary>
    /// <param name="addresses">The program's addresses, as people write them, for example <c>http://localhost:3000</c>.</param>
    /// <exception cref="InvalidOperationException">This is the primary: only a worker can say it of itself.</exception>
    public abstract void ReportReady(IReadOnlyCollection<string> addresses);

    /// <summary>
    /// For hosts, in a worker: says why the program could not start, so that the primary's error names the reason. The process
    /// should end soon after.
    /// </summary>
    /// <param name="reason">One line: what failed, and with what.</param>
    /// <exception cref="InvalidOperationException">This is the primary: only a worker can say it of itself.</exception>
    public abstract void ReportStartFailure(string reason);

    /// <summary>
    /// In the worker itself: counts a request for as long as it runs. The number and the time with at least one under way are what recycling
    /// and automatic scaling go by. Web hosts do it for each HTTP request. Allocates nothing.
    /// </summary>
    /// <returns>Dispose it, once, when the request has ended.</returns>
    /// <exception cref="InvalidOperationException">This is the primary: a worker counts its own requests.</exception>
    public abstract RequestScope TrackRequest();

    /// <summary>
    /// Sends a message: in the primary to this worker, in the worker itself to the primary. Completes when it is on its way, not when it was
    /// handled; messages arrive in the order in which they were sent. While the other process has 1 MiB of messages to handle, sending waits.
    /// Messages sent before that process is up, or before it has a handler for them, are kept (1024 or 512 KiB) and handled in order.
    /// </summary>
    /// <typeparam name="T">A type declared with <see cref="ClusterMessageAttribute"/>.</typeparam>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Ends the waiting for room; the message is then not sent.</param>
    /// <exception cref="PeerGoneException">The other process is gone, or the link is closed.</exception>
    /// <exception cref="ClusterMessageException">The message is not declared, cannot be written or is too long; or the other process keeps too many of its type that it has no handler for.</exception>
    /// <exception cref="TimeoutException">There was no room within <see cref="ClusterOptions.SendTimeout"/>.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public abstract ValueTask SendAsync<T>(T message, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sends a request and waits for its answer, at most <see cref="ClusterOptions.RequestTimeout"/>: in the primary it asks this worker, in the
    /// worker itself the primary.
    /// </summary>
    /// <typeparam name="TRequest">A declared type.</typeparam>
    /// <typeparam name="TAnswer">The declared type of the answer.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Gives up; the handler's token is then cancelled, too.</param>
    /// <returns>The answer. Await it once.</returns>
    /// <exception cref="RemoteHandlerException">The handler threw.</exception>
    /// <exception cref="PeerGoneException">The other process is gone; the message says how it ended.</exception>
    /// <exception cref="ClusterMessageException">Nobody handles it there, or it could not be written or read.</exception>
    /// <exception cref="TimeoutException">No answer came in time.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(TRequest request, CancellationToken cancellationToken = default) =>
        RequestCoreAsync<TRequest, TAnswer>(request, null, cancellationToken);

    /// <inheritdoc cref="RequestAsync{TRequest, TAnswer}(TRequest, CancellationToken)"/>
    /// <param name="request">The request.</param>
    /// <param name="timeout">The time to wait for the answer, kept to within 50 ms; <see cref="Timeout.InfiniteTimeSpan"/> for as long as the other process lives.</param>
    /// <param name="cancellationToken">Gives up; the handler's token is then cancelled, too.</param>
    public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(TRequest request, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        if (timeout <= TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "Give a time above zero, or Timeout.InfiniteTimeSpan.");
        return RequestCoreAsync<TRequest, TAnswer>(request, timeout, cancellationToken);
    }

    internal abstract ValueTask<TAnswer> RequestCoreAsync<TRequest, TAnswer>(
        TRequest request, TimeSpan? timeout, CancellationToken cancellationToken);

    /// <summary>"worker 3 (process 4711)".</summary>
    public sealed override string ToString() => $"worker {Id} (process {ProcessId})";

    private protected static void ThrowUnlessWorker() =>
        throw new InvalidOperationException("Only a worker reports its own start, through Cluster.Worker; this object stands for another process.");

    /// <summary>The handlers of its events.</summary>
    internal WorkerEventHandlers Handlers { get; } = new();
}

/// <summary>The events of a worker, by name.</summary>
internal enum WorkerEventKind
{
    Forked,
    Online,
    Listening,
    Disconnected,
    Exited,
    Hung,
}
