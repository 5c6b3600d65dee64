using System.Net;
using System.Net.Sockets;

namespace ProcessCluster;

/// <summary>
/// The cluster that this process belongs to: what the static <c>Cluster</c> shows, for injection. All members are thread-safe.
/// A process that no primary has started is a primary itself; it has no workers until it forks one, and costs nothing until then.
/// Events are raised on the thread pool, one after another in the order in which things happened; what a handler throws is logged.
/// Where the worker has the same event, its handlers run first.
/// </summary>
public interface ICluster
{
    /// <summary>Raised in the primary when a worker's process has been started.</summary>
    event EventHandler<WorkerEventArgs>? Forked;

    /// <summary>Raised in the primary when a worker's link is up: its runtime and the library in it run.</summary>
    event EventHandler<WorkerEventArgs>? Online;

    /// <summary>Raised in the primary when a worker listens on an end point or has bound a UDP socket, once for each.</summary>
    event EventHandler<WorkerListeningEventArgs>? Listening;

    /// <summary>Raised in the primary, once for each worker, when its link has closed for whatever reason.</summary>
    event EventHandler<WorkerEventArgs>? Disconnected;

    /// <summary>Raised in the primary, once for each worker and after <see cref="Disconnected"/>, when its process is gone.</summary>
    event EventHandler<WorkerExitedEventArgs>? Exited;

    /// <summary>
    /// Raised in the primary when a worker has given no sign of life for <see cref="ClusterOptions.HeartbeatTimeout"/>, before it is killed.
    /// </summary>
    event EventHandler<WorkerEventArgs>? Hung;

    /// <summary>Gets whether this process is the primary, or a program that runs alone.</summary>
    bool IsPrimary { get; }

    /// <summary>Gets whether a primary has started this process.</summary>
    bool IsWorker { get; }

    /// <summary>In a worker: itself. Null in the primary.</summary>
    ClusterWorker? Worker { get; }

    /// <summary>In the primary: the workers whose processes exist, by their number. A live view; empty in a worker.</summary>
    IReadOnlyDictionary<int, ClusterWorker> Workers { get; }

    /// <summary>Sets how workers are started and kept, for those that are forked from now on. The values are copied.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">Options have values that cannot be; the message has all of them, each with its remedy.</exception>
    /// <remarks>In a worker only what concerns messages has an effect.</remarks>
    void Configure(ClusterOptions options);

    /// <summary>
    /// Starts one worker: this program again, or <see cref="ClusterOptions.Executable"/>. It is in <see cref="Workers"/> on return. It is
    /// not replaced when it ends: fork again in <see cref="Exited"/>, or use <see cref="StartAsync"/>. Costs about a millisecond, and
    /// five descriptors, a page of memory and a thread in the primary.
    /// </summary>
    /// <param name="environment">Variables for this worker besides those of the options; a null value removes one.</param>
    /// <returns>The worker.</returns>
    /// <exception cref="ClusterException">The program cannot be started, or the system has no room for another process.</exception>
    /// <exception cref="ArgumentException">A variable's name or value cannot be.</exception>
    /// <exception cref="InvalidOperationException">This is a worker, or the cluster is being disconnected.</exception>
    /// <exception cref="PlatformNotSupportedException">This system is not 64-bit Linux.</exception>
    ClusterWorker Fork(IReadOnlyDictionary<string, string?>? environment = null);

    /// <summary>
    /// Starts <see cref="ClusterOptions.Workers"/> workers and keeps that many, by the rules of <see cref="ClusterOptions.Restart"/>. The first
    /// starts alone; the others when it is ready (<see cref="ClusterOptions.ReadyWhen"/>). Completes when all are ready or have ended once.
    /// From then on the primary takes SIGHUP for <see cref="ReloadAsync"/>, SIGTTIN and SIGTTOU for one worker more and one fewer
    /// (<see cref="ScaleAsync"/>), and a second SIGINT for the end of all workers at once.
    /// </summary>
    /// <param name="cancellationToken">Gives up: the workers are made to leave.</param>
    /// <returns>Where the cluster can be reached, as the first worker reported it.</returns>
    /// <exception cref="ClusterStartException">The first worker ended before it was ready; the message says why. No worker is left.</exception>
    /// <exception cref="ClusterException">The program cannot be started.</exception>
    /// <exception cref="InvalidOperationException">This is a worker, or the cluster is started already.</exception>
    /// <exception cref="PlatformNotSupportedException">This system is not 64-bit Linux.</exception>
    Task<IReadOnlyList<string>> StartAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Replaces every worker without a moment in which fewer are ready: a new one is started, ready, probed
    /// (<see cref="ClusterOptions.ReadyProbe"/>), gets connections and lives through <see cref="ClusterOptions.SoakTime"/>; then an old one drains; then
    /// the next. The program's path is looked up anew for each. If a new worker fails, the reload ends: that one goes, the old ones that are
    /// left stay. Completes when the last old one is gone. A call while a reload is under way joins the one that follows it, which all such
    /// calls share.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting, not the reload.</param>
    /// <returns>What became of it. A reload that fails throws nothing.</returns>
    /// <exception cref="InvalidOperationException">This is a worker, or the cluster is not started (<see cref="StartAsync"/>).</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled before the reload had ended.</exception>
    Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken = default);

    /// <summary>Changes how many workers are kept. Completes when those that are new are ready, or those that are too many are gone.</summary>
    /// <param name="workers">The number of workers, from 1 to <see cref="ClusterOptions.MaxWorkerCount"/>.</param>
    /// <param name="order">The order in which surplus workers leave.</param>
    /// <param name="cancellationToken">Ends the waiting, not the change.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number cannot be.</exception>
    /// <exception cref="ClusterStartException">A new worker could not be started, or ended before it was ready. It is tried again, as ever.</exception>
    /// <exception cref="InvalidOperationException">This is a worker, or the cluster is not started (<see cref="StartAsync"/>).</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled before.</exception>
    Task ScaleAsync(int workers, ScaleDownOrder order = ScaleDownOrder.Youngest, CancellationToken cancellationToken = default);

    /// <summary>In the primary: the last 100 workers that were, with how and why each ended, the latest last. Empty in a worker.</summary>
    IReadOnlyList<WorkerRecord> History { get; }

    /// <summary>
    /// In the primary: cancelled when the cluster has given up (<see cref="RestartOptions.WhenExhausted"/>). <see cref="Environment.ExitCode"/> is
    /// then <see cref="RestartOptions.GivenUpExitCode"/>; a program that returns a code of its own should return it. Never in a worker.
    /// </summary>
    CancellationToken GivenUp { get; }

    /// <summary>
    /// In the primary: closes the ports and makes all workers leave; completes when the last one is gone and the handlers of all events
    /// have run, at the latest <see cref="ClusterOptions.DrainTimeout"/> after the call, whatever clients do: workers still there are then
    /// killed. (A handler that does not return delays it by 5 s.) Meanwhile nothing can be forked. Calling it again joins the first call. In a worker: as
    /// <see cref="ClusterWorker.DisconnectAsync"/> of itself.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting, not the leaving.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled before the last worker was gone.</exception>
    Task DisconnectAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// In the primary: waits for SIGINT, SIGTERM or SIGQUIT, then disconnects the cluster; a second SIGINT kills the workers at once. The
    /// program ends with exit code 0 when it returns after this. In a worker: waits until the worker shall leave
    /// (<see cref="ClusterWorker.Stopping"/>).
    /// </summary>
    /// <param name="cancellationToken">Has the same effect as a signal.</param>
    Task WaitForShutdownAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Listens on an end point. In a worker the primary binds it, once for all workers, and gives each connection to one of them; port 0
    /// is one port, the same in every worker and after every restart. Elsewhere this process listens by itself.
    /// </summary>
    /// <param name="endPoint">
    /// An <see cref="IPEndPoint"/>, a <see cref="UnixDomainSocketEndPoint"/> (a path, in a worker relative to its own directory, or an abstract name that
    /// begins with a null character), or an <see cref="InheritedEndPoint"/> for a socket that the primary was started with.
    /// </param>
    /// <param name="options">The options of listening; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting for the primary's answer.</param>
    /// <returns>The listener. Dispose it to stop listening.</returns>
    /// <exception cref="SocketException">The end point is taken, not allowed or not there: what binding it in this process would have thrown.</exception>
    /// <exception cref="NotSupportedException">It is another kind of end point.</exception>
    /// <exception cref="ArgumentException">Options have values that cannot be, or a relative path is too long in its absolute form.</exception>
    /// <exception cref="ClusterException">The primary is gone, or the worker is leaving.</exception>
    /// <exception cref="TimeoutException">The primary did not answer within 30 s.</exception>
    Task<ClusterListener> ListenAsync(EndPoint endPoint, ClusterListenOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sends a message to every worker; from a worker to every other one, through the primary. In the primary it completes when it is on its
    /// way to all, in a worker when it is on its way to the primary. A worker that is gone meanwhile is no error; one that handles too
    /// little slows the sender.
    /// </summary>
    /// <inheritdoc cref="ClusterWorker.SendAsync{T}" path="/typeparam|/param|/exception"/>
    ValueTask BroadcastAsync<T>(T message, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sends a message to one worker by its number. From a worker it goes through the primary, and completes when that has it on its way.
    /// </summary>
    /// <param name="workerId">The worker; 0 is the primary.</param>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <inheritdoc cref="ClusterWorker.SendAsync{T}" path="/typeparam|/exception"/>
    ValueTask SendToAsync<T>(int workerId, T message, CancellationToken cancellationToken = default);

    /// <summary>Asks one worker by its number, from a worker through the primary, and waits for its answer.</summary>
    /// <param name="workerId">The worker; 0 is the primary.</param>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Gives up; the handler's token is then cancelled, too.</param>
    /// <inheritdoc cref="ClusterWorker.RequestAsync{TRequest, TAnswer}(TRequest, CancellationToken)" path="/typeparam|/exception|/returns"/>
    ValueTask<TAnswer> RequestToAsync<TRequest, TAnswer>(int workerId, TRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Handles messages of one type, whoever sends them. Those of one process are handled in order, one at a time; a handler that throws is
    /// logged and stops nothing. A type may have several handlers.
    /// </summary>
    /// <typeparam name="T">A declared type.</typeparam>
    /// <param name="handler">Runs on the thread pool. It may block, which holds up the messages of the same sender alone.</param>
    /// <returns>Dispose it to handle them no more.</returns>
    IDisposable OnMessage<T>(Action<T, MessageContext> handler);

    /// <inheritdoc cref="OnMessage{T}(Action{T, MessageContext})"/>
    IDisposable OnMessage<T>(Func<T, MessageContext, ValueTask> handler);

    /// <summary>
    /// Answers requests of one type, whoever sends them; those of one process at the same time, up to
    /// <see cref="ClusterOptions.MaxConcurrentRequests"/>. What the handler throws, the requester gets as <see cref="RemoteHandlerException"/>.
    /// A request that comes before there is a handler waits 5 s for one.
    /// </summary>
    /// <typeparam name="TRequest">A declared type.</typeparam>
    /// <typeparam name="TAnswer">The declared type of the answer.</typeparam>
    /// <param name="handler">Runs on the thread pool, or on the thread that reads the link, which another one relieves if this does not return soon. It may block.</param>
    /// <returns>Dispose it to answer no more.</returns>
    /// <exception cref="InvalidOperationException">Such requests have a handler already.</exception>
    IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, TAnswer> handler);

    /// <inheritdoc cref="OnRequest{TRequest, TAnswer}(Func{TRequest, MessageContext, TAnswer})"/>
    IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, ValueTask<TAnswer>> handler);

    /// <summary>
    /// Binds a UDP socket. In a worker the primary binds it, once for all workers, and gives each a copy: a datagram is received by one of
    /// them, and what none has received outlives them all; port 0 is one port, the same in every worker and after every restart.
    /// Elsewhere this process binds by itself.
    /// </summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/>.</param>
    /// <param name="options">The options of binding; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting for the primary's answer.</param>
    /// <returns>The socket. Dispose it to let go of it.</returns>
    /// <exception cref="SocketException">The end point is taken, not allowed or not there: what binding it in this process would have thrown.</exception>
    /// <exception cref="NotSupportedException">It is another kind of end point.</exception>
    /// <exception cref="ArgumentException">Options have values that cannot be.</exception>
    /// <exception cref="ClusterException">The primary is gone, or the worker is leaving.</exception>
    /// <exception cref="TimeoutException">The primary did not answer within 30 s.</exception>
    Task<ClusterUdpSocket> BindUdpAsync(EndPoint endPoint, ClusterUdpOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Waits for a lock that one process of the cluster, workers or primary, holds at a time, and holds it. Who asks first gets it first; it is
    /// not reentrant: a process that asks again for what it holds waits for itself. A worker that is disconnected
    /// (<see cref="ClusterWorker.DisconnectAsync"/> of itself) keeps its link until it has given back what it holds. Outside a cluster the lock
    /// is this process's own. Costs a message each way.
    /// </summary>
    /// <param name="name">Its name: 1 to <see cref="ClusterLock.MaxNameLength"/> characters, compared ordinally.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The lock. Dispose it to give it back; it is given back, too, when this process is gone.</returns>
    /// <exception cref="ArgumentException">The name is empty or too long.</exception>
    /// <exception cref="ClusterException">The primary is gone, the worker has left the cluster, or the process holds or waits for 1024 locks.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    Task<ClusterLock> AcquireLockAsync(string name, CancellationToken cancellationToken = default);
}
