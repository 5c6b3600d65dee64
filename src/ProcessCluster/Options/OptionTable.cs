using System.Text;
using static ProcessCluster.Options.OptionRules;
using static ProcessCluster.Options.OptionTypes;

namespace ProcessCluster.Options;

/// <summary>
/// Every option, in one row each: name, type, access, range. Reading a configuration, checking values and the reference page of the
/// documents follow this table. Defaults are those of a new options object, and what an option does is in its property's comment.
/// </summary>
internal static class OptionTable
{
    private const int MaxWorkers = ClusterOptions.MaxWorkerCount, MaxPerWorker = 1_000_000;

    // Options that an end point can have of its own.
    private static readonly Option<ClusterOptions, ListenMode> Mode = Name<ListenMode>(nameof(ClusterOptions.Mode), o => o.Mode, (o, v) => o.Mode = v);

    private static readonly Option<ClusterOptions, DispatchPolicy> Dispatch =
        Name<DispatchPolicy>(nameof(ClusterOptions.Dispatch), o => o.Dispatch, (o, v) => o.Dispatch = v);

    private static readonly Option<ClusterOptions, string> StickyName =
        new(nameof(ClusterOptions.StickyName), Text, o => o.StickyName, (o, v) => o.StickyName = v, Token);

    private static readonly Option<ClusterOptions, int> MaxConnectionsPerWorker = new(
        nameof(ClusterOptions.MaxConnectionsPerWorker), Number, o => o.MaxConnectionsPerWorker, (o, v) => o.MaxConnectionsPerWorker = v, UpTo(MaxPerWorker, "no limit"));

    private static readonly Option<ClusterOptions, int> MaxWaitingConnections = new(
        nameof(ClusterOptions.MaxWaitingConnections), Number, o => o.MaxWaitingConnections, (o, v) => o.MaxWaitingConnections = v, Between(1, MaxPerWorker));

    private static readonly Option<ClusterOptions, TimeSpan> QueueTimeout = new(nameof(ClusterOptions.QueueTimeout), Time, o => o.QueueTimeout, (o, v) => o.QueueTimeout = v, UpToADay);

    private static readonly Option<ClusterOptions, WhenFull> WhenFull =
        Name<WhenFull>(nameof(ClusterOptions.WhenFull), o => o.WhenFull, (o, v) => o.WhenFull = v);

    private static readonly Option<ClusterOptions, TimeSpan> MaxPeekTime =
        new(nameof(ClusterOptions.MaxPeekTime), Time, o => o.MaxPeekTime, (o, v) => o.MaxPeekTime = v, UpToADay);

    private static readonly Option<ClusterOptions, bool> ProxyProtocol =
        new(nameof(ClusterOptions.ProxyProtocol), Flag, o => o.ProxyProtocol, (o, v) => o.ProxyProtocol = v);

    /// <summary>Gets the options of the section <c>ProcessCluster</c>.</summary>
    public static IReadOnlyList<Option<ClusterOptions>> Cluster { get; } =
    [
        new Option<ClusterOptions, int>(
            nameof(ClusterOptions.Workers), WorkerCount, o => o.Workers, (o, v) => o.Workers = v, new($"at most {MaxWorkers}; 0 means one per processor", v => v <= MaxWorkers)),
        new Option<ClusterOptions, int>(
            nameof(ClusterOptions.StandbyWorkers), Number, o => o.StandbyWorkers, (o, v) => o.StandbyWorkers = v, Between(0, MaxWorkers)),
        new Option<ClusterOptions, int>(nameof(ClusterOptions.MinWorkers), Number, o => o.MinWorkers, (o, v) => o.MinWorkers = v, Between(1, MaxWorkers)),
        new Option<ClusterOptions, int>(
            nameof(ClusterOptions.MaxWorkers), Number, o => o.MaxWorkers, (o, v) => o.MaxWorkers = v, UpTo(MaxWorkers, "no automatic scaling")),
        new Option<ClusterOptions, string?>(nameof(ClusterOptions.Executable), OptionalText, o => o.Executable, (o, v) => o.Executable = v, new(
            "the path of a program; left out, this program runs again", v => v is null || !string.IsNullOrWhiteSpace(v))),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.Arguments), "list of string", "without null characters"),
        new Option<ClusterOptions, string?>(nameof(ClusterOptions.WorkingDirectory), OptionalText, o => o.WorkingDirectory, (o, v) => o.WorkingDirectory = v),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.Environment), "map of string", "names without '=' and null characters"),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.SlotEnvironment), "map of maps", $"slots from 0 to {MaxWorkers - 1}"),
        new Option<ClusterOptions, bool>(nameof(ClusterOptions.PinProcessors), Flag, o => o.PinProcessors, (o, v) => o.PinProcessors = v),
        new Option<ClusterOptions, bool>(nameof(ClusterOptions.SuppressOutput), Flag, o => o.SuppressOutput, (o, v) => o.SuppressOutput = v),
        new Option<ClusterOptions, bool>(nameof(ClusterOptions.WorkerOutputPrefix), Flag, o => o.WorkerOutputPrefix, (o, v) => o.WorkerOutputPrefix = v),
        new Option<ClusterOptions, TimeSpan>(nameof(ClusterOptions.BootTimeout), Time, o => o.BootTimeout, (o, v) => o.BootTimeout = v, UpToADay),
        Name<ReadyWhen>(nameof(ClusterOptions.ReadyWhen), o => o.ReadyWhen, (o, v) => o.ReadyWhen = v),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.ReadyProbe), "delegate"),
        new Option<ClusterOptions, TimeSpan>(nameof(ClusterOptions.SoakTime), Time, o => o.SoakTime, (o, v) => o.SoakTime = v, ZeroToADay),
        new Option<ClusterOptions, TimeSpan>(nameof(ClusterOptions.DrainTimeout), Time, o => o.DrainTimeout, (o, v) => o.DrainTimeout = v, UpToADay),
        new Option<ClusterOptions, TimeSpan>(
            nameof(ClusterOptions.HeartbeatInterval), Time, o => o.HeartbeatInterval, (o, v) => o.HeartbeatInterval = v, UpToADay),
        new Option<ClusterOptions, TimeSpan>(nameof(ClusterOptions.HeartbeatTimeout), Time, o => o.HeartbeatTimeout, (o, v) => o.HeartbeatTimeout = v, UpToADay),
        new Option<ClusterOptions, string?>(nameof(ClusterOptions.HangDumpDirectory), OptionalText, o => o.HangDumpDirectory, (o, v) => o.HangDumpDirectory = v),
        new Option<ClusterOptions, bool>(nameof(ClusterOptions.MoveConnections), Flag, o => o.MoveConnections, (o, v) => o.MoveConnections = v),
        new Option<ClusterOptions, bool>(
            nameof(ClusterOptions.RebalanceConnections), Flag, o => o.RebalanceConnections, (o, v) => o.RebalanceConnections = v),
        Mode,
        Dispatch,
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.CustomDispatch), "delegate"),
        StickyName,
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.Weights), "map of int", $"weights from 1 to 1000, slots from 0 to {MaxWorkers - 1}"),
        MaxConnectionsPerWorker,
        MaxWaitingConnections,
        QueueTimeout,
        WhenFull,
        MaxPeekTime,
        ProxyProtocol,
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.Serializer), "IMessageSerializer"),
        new Option<ClusterOptions, int>(
            nameof(ClusterOptions.MaxMessageBytes), Bytes, o => o.MaxMessageBytes, (o, v) => o.MaxMessageBytes = v, Between(1024, 1024 * 1024 * 1024)),
        new Option<ClusterOptions, TimeSpan>(nameof(ClusterOptions.RequestTimeout), Time, o => o.RequestTimeout, (o, v) => o.RequestTimeout = v, UpToADay),
        new Option<ClusterOptions, TimeSpan>(nameof(ClusterOptions.SendTimeout), Time, o => o.SendTimeout, (o, v) => o.SendTimeout = v, UpToADay),
        new Option<ClusterOptions, int>(
            nameof(ClusterOptions.MaxConcurrentRequests), Number, o => o.MaxConcurrentRequests, (o, v) => o.MaxConcurrentRequests = v, Between(1, 65_536)),
        new Option<ClusterOptions, bool>(nameof(ClusterOptions.SendStackTraces), Flag, o => o.SendStackTraces, (o, v) => o.SendStackTraces = v),
    ];

    /// <summary>Gets the options of an element of <c>ProcessCluster:EndPoints</c>.</summary>
    public static IReadOnlyList<Option<EndPointOptions>> EndPoint { get; } =
    [
        new Option<EndPointOptions, string>(nameof(EndPointOptions.Address), Text, o => o.Address, (o, v) => o.Address = v, new(
            "give a port, an IP address with its port, or the absolute path of a Unix domain socket", EndPointOptions.IsAddress)),
        PerEndPoint(Mode, o => o.Mode, (o, v) => o.Mode = v),
        PerEndPoint(Dispatch, o => o.Dispatch, (o, v) => o.Dispatch = v),
        new OtherOption<EndPointOptions>(nameof(EndPointOptions.CustomDispatch), "delegate"),
        new Option<EndPointOptions, string?>(
            StickyName.Name, OptionalText, o => o.StickyName, (o, v) => o.StickyName = v, new(StickyName.Range, v => v is null || Token.Holds(v))),
        PerEndPoint(MaxConnectionsPerWorker, o => o.MaxConnectionsPerWorker, (o, v) => o.MaxConnectionsPerWorker = v),
        PerEndPoint(MaxWaitingConnections, o => o.MaxWaitingConnections, (o, v) => o.MaxWaitingConnections = v),
        PerEndPoint(QueueTimeout, o => o.QueueTimeout, (o, v) => o.QueueTimeout = v),
        PerEndPoint(WhenFull, o => o.WhenFull, (o, v) => o.WhenFull = v),
        PerEndPoint(MaxPeekTime, o => o.MaxPeekTime, (o, v) => o.MaxPeekTime = v),
        PerEndPoint(ProxyProtocol, o => o.ProxyProtocol, (o, v) => o.ProxyProtocol = v),
    ];

    /// <summary>Gets the options of the section <c>ProcessCluster:Restart</c>.</summary>
    public static IReadOnlyList<Option<RestartOptions>> Restart { get; } =
    [
        new Option<RestartOptions, RestartPolicy>(nameof(RestartOptions.Policy), OneOf<RestartPolicy>(), o => o.Policy, (o, v) => o.Policy = v, Defined<RestartPolicy>()),
        new Option<RestartOptions, TimeSpan>(nameof(RestartOptions.InitialDelay), Time, o => o.InitialDelay, (o, v) => o.InitialDelay = v, UpToADay),
        new Option<RestartOptions, double>(nameof(RestartOptions.Factor), Fraction, o => o.Factor, (o, v) => o.Factor = v, Between(1.0, 10.0)),
        new Option<RestartOptions, TimeSpan>(nameof(RestartOptions.MaxDelay), Time, o => o.MaxDelay, (o, v) => o.MaxDelay = v, UpToADay),
        new Option<RestartOptions, double>(nameof(RestartOptions.Jitter), Fraction, o => o.Jitter, (o, v) => o.Jitter = v, Share),
        new Option<RestartOptions, TimeSpan>(nameof(RestartOptions.StableAfter), Time, o => o.StableAfter, (o, v) => o.StableAfter = v, UpToADay),
        new Option<RestartOptions, int>(nameof(RestartOptions.MaxRestarts), Number, o => o.MaxRestarts, (o, v) => o.MaxRestarts = v, Between(1, 1_000_000)),
        new Option<RestartOptions, TimeSpan>(nameof(RestartOptions.Window), Time, o => o.Window, (o, v) => o.Window = v, UpToADay),
        new Option<RestartOptions, WhenExhausted>(
            nameof(RestartOptions.WhenExhausted), OneOf<WhenExhausted>(), o => o.WhenExhausted, (o, v) => o.WhenExhausted = v, Defined<WhenExhausted>()),
    ];

    /// <summary>Gets the options of the section <c>ProcessCluster:Recycle</c>.</summary>
    public static IReadOnlyList<Option<RecycleOptions>> Recycle { get; } =
    [
        new Option<RecycleOptions, long>(nameof(RecycleOptions.MaxMemory), LongBytes, o => o.MaxMemory, (o, v) => o.MaxMemory = v, new(
            $"bytes, at least {16 * 1024 * 1024} (a .NET process hardly needs less); 0 means no limit", v => v is 0 or >= 16 * 1024 * 1024)),
        new Option<RecycleOptions, long>(nameof(RecycleOptions.MaxRequests), LongNumber, o => o.MaxRequests, (o, v) => o.MaxRequests = v, new(
            "0 (no limit) or more", v => v >= 0)),
        new Option<RecycleOptions, TimeSpan>(nameof(RecycleOptions.MaxAge), Time, o => o.MaxAge, (o, v) => o.MaxAge = v, new(
            "from a second to a year; zero means no limit", v => v == TimeSpan.Zero || (v >= TimeSpan.FromSeconds(1) && v <= TimeSpan.FromDays(365)))),
        new Option<RecycleOptions, double>(nameof(RecycleOptions.Jitter), Fraction, o => o.Jitter, (o, v) => o.Jitter = v, Share),
        new OtherOption<RecycleOptions>(nameof(RecycleOptions.Schedule), "list of TimeOnly"),
    ];

    /// <summary>Gets the options of the section <c>ProcessCluster:ConnectionSurvival</c>.</summary>
    public static IReadOnlyList<Option<ConnectionSurvivalOptions>> ConnectionSurvival { get; } =
    [
        new Option<ConnectionSurvivalOptions, bool?>(nameof(ConnectionSurvivalOptions.Enabled), Optional(Flag), o => o.Enabled, (o, v) => o.Enabled = v),
        new Option<ConnectionSurvivalOptions, int>(
            nameof(ConnectionSurvivalOptions.MaxConnections),
            Number,
            o => o.MaxConnections,
            (o, v) => o.MaxConnections = v,
            Between(1, ConnectionSurvivalOptions.MaxConnectionsLimit)),
        new Option<ConnectionSurvivalOptions, string>(nameof(ConnectionSurvivalOptions.Body), Text, o => o.Body, (o, v) => o.Body = v, new(
            $"a text of at most {ConnectionSurvivalOptions.MaxBodyBytes} bytes in UTF-8, which may be empty",
            v => v is not null && Encoding.UTF8.GetByteCount(v) <= ConnectionSurvivalOptions.MaxBodyBytes)),
        new Option<ConnectionSurvivalOptions, bool>(
            nameof(ConnectionSurvivalOptions.ReplayIdempotent), Flag, o => o.ReplayIdempotent, (o, v) => o.ReplayIdempotent = v),
        new Option<ConnectionSurvivalOptions, int>(
            nameof(ConnectionSurvivalOptions.QuarantineAfter), Number, o => o.QuarantineAfter, (o, v) => o.QuarantineAfter = v, UpTo(100, "no quarantine")),
        new Option<ConnectionSurvivalOptions, TimeSpan>(
            nameof(ConnectionSurvivalOptions.QuarantineTime), Time, o => o.QuarantineTime, (o, v) => o.QuarantineTime = v, UpToADay),
    ];

    /// <summary>Checks each option by its row, and adds what is wrong, after the section's name.</summary>
    public static void Check<TOptions>(IReadOnlyList<Option<TOptions>> rows, TOptions options, string section, List<string> errors)
    {
        foreach (var row in rows)
        {
            if (row.Check(options) is { } error)
                errors.Add($"{section}{error}");
        }
    }

    private static Option<ClusterOptions, T> Name<T>(string name, Func<ClusterOptions, T> get, Action<ClusterOptions, T> set)
        where T : struct, Enum => new(name, OneOf<T>(), get, set, Defined<T>());

    /// <summary>Returns the row of an end point's own value: null is the cluster's.</summary>
    private static Option<EndPointOptions, T?> PerEndPoint<T>(Option<ClusterOptions, T> row, Func<EndPointOptions, T?> get, Action<EndPointOptions, T?> set)
        where T : struct => new(
            row.Name, Optional(row.ValueType), get, set, row.Rule is { } rule ? new(rule.Text, value => value is not { } own || rule.Holds(own)) : null);
}
