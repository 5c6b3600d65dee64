using ProcessCluster.Options;

namespace ProcessCluster;

/// <summary>
/// The options of a cluster. Plain values: changing them after they were given to <see cref="ICluster.Configure"/> or to a host has no effect.
/// In a host they are read from the configuration section <c>ProcessCluster</c>.
/// </summary>
public sealed record ClusterOptions
{
    /// <summary>The largest number of workers that may be asked for.</summary>
    public const int MaxWorkerCount = 1024;

    /// <summary>
    /// Gets or sets the number of workers that a host keeps (<see cref="ICluster.StartAsync"/>); <see cref="ICluster.Fork"/> does not look at it. Default 0.
    /// 0 (in configuration also <c>max</c>) is one per processor as the runtime sees them, so that the limits of a cgroup count;
    /// a negative number is that many fewer, at least 1.
    /// </summary>
    public int Workers { get; set; }

    /// <summary>
    /// The program that workers run. Default null: this program again, in the way in which it was started itself
    /// (<c>dotnet run</c>, <c>dotnet app.dll</c>, the app host, a single file).
    /// </summary>
    public string? Executable { get; set; }

    /// <summary>
    /// The arguments of the workers. Default null: those of this process when <see cref="Executable"/> is null, else none.
    /// </summary>
    public IList<string>? Arguments { get; set; }

    /// <summary>The working directory of the workers. Default null: this process's at the time of the fork; where it was reached over a symbolic link
    /// (<c>PWD</c>), what that points at then.</summary>
    public string? WorkingDirectory { get; set; }

    /// <summary>
    /// Variables that workers get besides this process's own. A null value removes one. Default: none. Where nothing else is set, workers
    /// get <c>DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=8</c> (.NET's default is 70, both hexadecimal): their thread pools share the
    /// processors, and what one spends on looking for work is taken from the others.
    /// </summary>
    public IDictionary<string, string?> Environment { get; private init; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>Gets or sets whether the workers' standard output and error are discarded rather than shown. Default false.</summary>
    public bool SuppressOutput { get; set; }

    /// <summary>Gets or sets the time that a worker may take from its start until it is up; then it is killed. Default 60 s.</summary>
    public TimeSpan BootTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Gets or sets the sign that a worker of <see cref="ICluster.StartAsync"/> is ready. Default: it listens, or reports it.</summary>
    public ReadyWhen ReadyWhen { get; set; } = ReadyWhen.Listening;

    /// <summary>
    /// In a primary: a check of each worker that shall replace another one (<see cref="ICluster.ReloadAsync"/>, recycling), after it is ready and
    /// before it gets connections, for example a request to it. What it throws is the failure. It has <see cref="BootTimeout"/>. Default null: none.
    /// </summary>
    public Func<ClusterWorker, CancellationToken, Task>? ReadyProbe { get; set; }

    /// <summary>Gets or sets the time for which a new worker of a reload serves before an old one leaves: one that ends within it makes the reload fail. Default 1 s.</summary>
    public TimeSpan SoakTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Gets or sets the interval at which a worker is asked for a sign of life, with its load. It answers through its thread pool. Default 1 s.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Gets or sets the time without a sign of life after which a worker counts as hung: it is reported (<see cref="ICluster.Hung"/>), killed and replaced.
    /// Default 30 s. Time in which the primary itself did not run does not count; nor does a worker in a debugger.
    /// </summary>
    public TimeSpan HeartbeatTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// An existing directory for dumps of hung workers, written before they are killed: one file for each,
    /// <c>worker-{number}-{process}.dmp</c>. Default null: none. A dump can be as large as the worker's memory.
    /// </summary>
    public string? HangDumpDirectory { get; set; }

    /// <summary>Gets or sets the number of further workers that are booted and ready, without connections, so that one can take a dead one's place at once. Default 0.</summary>
    public int StandbyWorkers { get; set; }

    /// <summary>The fewest workers, when <see cref="MaxWorkers"/> is set. Default 1.</summary>
    public int MinWorkers { get; set; } = 1;

    /// <summary>
    /// The most workers of automatic scaling: their number then follows the share of time in which workers are busy and the connections that
    /// wait. Default 0: no automatic scaling.
    /// </summary>
    public int MaxWorkers { get; set; }

    /// <summary>
    /// Gets or sets whether each line of the workers' standard output and error is shown after <c>[worker 3] </c>. Default false. A line longer
    /// than 1 MiB is cut between two characters, each part with a prefix and a mark.
    /// </summary>
    public bool WorkerOutputPrefix { get; set; }

    /// <summary>Gets the options of replacing workers that end.</summary>
    public RestartOptions Restart { get; private init; } = new();

    /// <summary>When workers are replaced though nothing is wrong with them.</summary>
    public RecycleOptions Recycle { get; private init; } = new();

    /// <summary>
    /// Variables for the workers of one slot (<see cref="ClusterWorker.Slot"/>), besides <see cref="Environment"/>. A null value removes one. Default: none.
    /// </summary>
    public IDictionary<int, IDictionary<string, string?>> SlotEnvironment { get; private init; } = new Dictionary<int, IDictionary<string, string?>>();

    /// <summary>
    /// Gets or sets whether each worker runs on one processor, that of its slot's number (over those that this process may use, again from the first). Default false.
    /// </summary>
    public bool PinProcessors { get; set; }

    /// <summary>Gets or sets the time for which a worker that was asked to leave may finish its work; then it is killed. Default 30 s.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Gets or sets whether a worker that leaves gives its idle connections to others, instead of telling their clients to connect anew. Default true. What can move, and
    /// what drains all the same, is in <c>docs/guides/connections.md</c>.
    /// </summary>
    public bool MoveConnections { get; set; } = true;

    /// <summary>
    /// Gets or sets whether workers that have more kept connections than others give idle ones back, until all have about as many: after workers were added or replaced, or
    /// when clients went. Default true. Only what can move, and where <see cref="DispatchPolicy.RoundRobin"/>, <see cref="DispatchPolicy.LeastConnections"/> or
    /// <see cref="DispatchPolicy.Random"/> chooses: the choice of others stays. Without effect where <see cref="MoveConnections"/> is false. At most some 430 connections per second and worker. More in <c>docs/guides/connections.md</c>.
    /// </summary>
    public bool RebalanceConnections { get; set; } = true;

    /// <summary>Gets the options for the connections of a worker that ends without having left.</summary>
    public ConnectionSurvivalOptions ConnectionSurvival { get; private init; } = new();

    /// <summary>Gets or sets the way in which workers share an end point. Default <see cref="ListenMode.Handoff"/>.</summary>
    public ListenMode Mode { get; set; }

    /// <summary>Gets or sets the choice of the worker for a connection. Default <see cref="DispatchPolicy.RoundRobin"/>.</summary>
    public DispatchPolicy Dispatch { get; set; }

    /// <summary>In a primary: makes a policy of the program's own, one for each end point, in place of <see cref="Dispatch"/>. Default null: none.</summary>
    public Func<IDispatchPolicy>? CustomDispatch { get; set; }

    /// <summary>The cookie or header of <see cref="DispatchPolicy.Cookie"/> and <see cref="DispatchPolicy.Header"/>. Default <c>ProcessCluster</c>.</summary>
    public string StickyName { get; set; } = "ProcessCluster";

    /// <summary>The weights of slots, for <see cref="DispatchPolicy.Weighted"/> and policies of the program's own: 1 to 1000. Default: 1 for each.</summary>
    public IDictionary<int, int> Weights { get; private init; } = new Dictionary<int, int>();

    /// <summary>
    /// Gets or sets the number of connections that a worker may have open, of all end points. When all have as many, further ones wait. Default 0: no limit. Connections taken as
    /// <see cref="System.Net.Sockets.Socket"/> count until that is disposed.
    /// </summary>
    public int MaxConnectionsPerWorker { get; set; }

    /// <summary>
    /// Gets or sets the number of accepted connections that may wait in the primary for a worker, per end point. Default 1024. Each costs one file
    /// descriptor. When the queue is full <see cref="WhenFull"/> holds.
    /// </summary>
    public int MaxWaitingConnections { get; set; } = 1024;

    /// <summary>Gets or sets the time for which an accepted connection may wait in the primary for a worker. Then <see cref="WhenFull"/> holds. Default 30 s.</summary>
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets or sets the fate of connections past these limits. Default <see cref="ProcessCluster.WhenFull.Pause"/>.</summary>
    public WhenFull WhenFull { get; set; }

    /// <summary>
    /// Gets or sets the time that a client may take to send what the choice of its worker needs (<see cref="DispatchPolicy.Cookie"/> and others; the PROXY protocol's header). Then
    /// a worker is chosen without it; a connection without the PROXY header that must be there is closed. Default 5 s.
    /// </summary>
    public TimeSpan MaxPeekTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Gets or sets whether connections begin with the header of the PROXY protocol, version 1 or 2, as proxies in front of the cluster send it: then its address is
    /// the client's, for the choice of the worker and in it. Others are closed. Default false. Switch it on only where nobody but the proxy can connect.
    /// </summary>
    public bool ProxyProtocol { get; set; }

    /// <summary>Gets the options of single end points. The first one that fits holds.</summary>
    public IList<EndPointOptions> EndPoints { get; private init; } = [];

    /// <summary>
    /// Gets or sets the serializer of messages. Default null: MessagePack, with the code that the source generator writes for each declared message.
    /// It must be the same in the primary and its workers.
    /// </summary>
    public IMessageSerializer? Serializer { get; set; }

    /// <summary>
    /// The longest message, in bytes with its frame (20 and the type's name), that is sent or taken. Default 16 MiB. Sending a longer one is
    /// an error; a process that gets one cuts the link. It must be the same in the primary and its workers.
    /// </summary>
    public int MaxMessageBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Gets or sets the time for which a request waits for its answer, if the call does not say. Default 30 s. Kept to within 50 ms.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets or sets the time for which sending a message waits for room, when the other process handles messages too slowly. Default 60 s.</summary>
    public TimeSpan SendTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Gets or sets the number of requests of one other process that are handled at the same time; further ones wait. Default 256.</summary>
    public int MaxConcurrentRequests { get; set; } = 256;

    /// <summary>
    /// Gets or sets whether a requester gets the stack trace of an exception in the handler (<see cref="RemoteHandlerException.RemoteStackTrace"/>).
    /// Default false.
    /// </summary>
    public bool SendStackTraces { get; set; }

    /// <summary>Returns each error of the options, with its remedy.</summary>
    internal List<string> Validate()
    {
        var errors = new List<string>();
        OptionTable.Check(OptionTable.Cluster, this, "", errors);
        if (Arguments is { } arguments && arguments.Any(static a => a is null || a.Contains('\0')))
            errors.Add("Arguments has an element that is null or holds a null character.");
        if (WorkingDirectory is { } directory && !Directory.Exists(directory))
            errors.Add($"WorkingDirectory '{directory}' does not exist.");
        RequireVariables(errors, nameof(Environment), Environment);
        if (HeartbeatTimeout < HeartbeatInterval)
            errors.Add($"HeartbeatTimeout is {HeartbeatTimeout}: at least HeartbeatInterval, which is {HeartbeatInterval}.");
        if (HangDumpDirectory is { } dumps && !Directory.Exists(dumps))
            errors.Add($"HangDumpDirectory '{dumps}' does not exist: give a directory, or leave it out for no dumps.");
        if (MaxWorkers > 0 && MinWorkers > MaxWorkers)
            errors.Add($"MinWorkers is {MinWorkers}: at most MaxWorkers, which is {MaxWorkers}.");
        foreach (var (slot, variables) in SlotEnvironment)
        {
            if (slot is < 0 or >= MaxWorkerCount)
                errors.Add($"SlotEnvironment has slot {slot}: from 0 to {MaxWorkerCount - 1}.");
            RequireVariables(errors, $"SlotEnvironment:{slot}", variables);
        }
        ConnectionSurvival.Validate(errors, StandbyWorkers);
        Restart.Validate(errors);
        OptionTable.Check(OptionTable.Recycle, Recycle, "Recycle:", errors);
        if (Mode != ListenMode.Handoff && (Dispatch != DispatchPolicy.RoundRobin || CustomDispatch is not null || MaxConnectionsPerWorker > 0 || ProxyProtocol))
            errors.Add($"Mode is {Mode}, which leaves the choice of a worker to the kernel: leave out Dispatch, CustomDispatch, MaxConnectionsPerWorker and ProxyProtocol, or set them in EndPoints.");
        foreach (var (slot, weight) in Weights)
        {
            if (slot is < 0 or >= MaxWorkerCount || weight is < 1 or > 1000)
                errors.Add($"Weights has {weight} for slot {slot}: weights from 1 to 1000, slots from 0 to {MaxWorkerCount - 1}.");
        }
        for (var i = 0; i < EndPoints.Count; i++)
            EndPoints[i].Validate(errors, i, Mode);
        return errors;
    }

    /// <summary>A copy that is sound.</summary>
    /// <exception cref="ArgumentException">It cannot be; the message has all errors.</exception>
    internal ClusterOptions Validated()
    {
        var copy = Copy();
        var errors = copy.Validate();
        return errors.Count == 0
            ? copy
            : throw new ArgumentException($"The cluster's options cannot be used. {string.Join(" ", errors)}", "options");
    }

    internal static bool IsVariableName(string name) => name.Length > 0 && !name.AsSpan().ContainsAny('=', '\0');

    /// <summary>Returns a copy that shares no collection with this one.</summary>
    internal ClusterOptions Copy() => this with
    {
        Arguments = Arguments?.ToArray(),
        Environment = new Dictionary<string, string?>(Environment, StringComparer.Ordinal),
        SlotEnvironment = SlotEnvironment.ToDictionary(
            static slot => slot.Key, IDictionary<string, string?> (slot) => new Dictionary<string, string?>(slot.Value, StringComparer.Ordinal)),
        Weights = new Dictionary<int, int>(Weights),
        EndPoints = [.. EndPoints.Select(static endPoint => endPoint with { })],
        Restart = Restart with { },
        Recycle = Recycle.Copy(),
        ConnectionSurvival = ConnectionSurvival with { },
    };

    /// <summary>Gets whether the primary keeps a copy of connections that workers have.</summary>
    internal bool KeepsConnections => ConnectionSurvival.IsOn(StandbyWorkers);

    /// <summary>The number of workers that <see cref="Workers"/> means on a machine with this many processors.</summary>
    internal int ResolveWorkers(int processors) => Workers > 0 ? Workers : Math.Max(1, processors + Workers);

    /// <summary>Returns the first number of workers: that of <see cref="Workers"/>, within the bounds of automatic scaling.</summary>
    internal int FirstWorkers(int processors)
    {
        var workers = ResolveWorkers(processors);
        return MaxWorkers > 0 ? Math.Clamp(workers, MinWorkers, MaxWorkers) : workers;
    }

    private static void RequireVariables(List<string> errors, string where, IEnumerable<KeyValuePair<string, string?>> variables)
    {
        foreach (var (name, value) in variables)
        {
            if (!IsVariableName(name) || value?.Contains('\0') == true)
                errors.Add($"{where} has '{name}': a name is not empty and has neither '=' nor a null character, a value no null character.");
        }
    }
}

/// <summary>The sign that a worker is ready.</summary>
public enum ReadyWhen
{
    /// <summary>It listens for the first time, or says so (<see cref="ClusterWorker.ReportReady"/>), whichever is first.</summary>
    Listening,

    /// <summary>It says so. What <c>UseProcessCluster()</c> sets: its hosts say so when the application has started.</summary>
    Reported,
}
