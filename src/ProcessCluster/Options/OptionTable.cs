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

    /// <summary>The lowest limit of a worker's memory, in bytes.</summary>
    private const long LeastMemory = 16 * 1024 * 1024;

    // Options that an end point can have of its own.
    private static readonly ValueOption<ClusterOptions> Mode = Name(typeof(ListenMode), nameof(ClusterOptions.Mode), o => o.Mode, (o, v) => o.Mode = (ListenMode)v);

    private static readonly ValueOption<ClusterOptions> Dispatch =
        Name(typeof(DispatchPolicy), nameof(ClusterOptions.Dispatch), o => o.Dispatch, (o, v) => o.Dispatch = (DispatchPolicy)v);

    private static readonly ValueOption<ClusterOptions> StickyName =
        new(nameof(ClusterOptions.StickyName), Text, o => o.StickyName, (o, v) => o.StickyName = (string)v, Token);

    private static readonly ValueOption<ClusterOptions> MaxConnectionsPerWorker = new(
        nameof(ClusterOptions.MaxConnectionsPerWorker), Number, o => o.MaxConnectionsPerWorker, (o, v) => o.MaxConnectionsPerWorker = (int)v, UpTo(MaxPerWorker, "no limit"));

    private static readonly ValueOption<ClusterOptions> MaxWaitingConnections = new(
        nameof(ClusterOptions.MaxWaitingConnections), Number, o => o.MaxWaitingConnections, (o, v) => o.MaxWaitingConnections = (int)v, Between(1, MaxPerWorker));

    private static readonly ValueOption<ClusterOptions> QueueTimeout = new(nameof(ClusterOptions.QueueTimeout), Time, o => o.QueueTimeout, (o, v) => o.QueueTimeout = (TimeSpan)v, UpToADay);

    private static readonly ValueOption<ClusterOptions> WhenFull =
        Name(typeof(WhenFull), nameof(ClusterOptions.WhenFull), o => o.WhenFull, (o, v) => o.WhenFull = (WhenFull)v);

    private static readonly ValueOption<ClusterOptions> MaxPeekTime =
        new(nameof(ClusterOptions.MaxPeekTime), Time, o => o.MaxPeekTime, (o, v) => o.MaxPeekTime = (TimeSpan)v, UpToADay);

    private static readonly ValueOption<ClusterOptions> ProxyProtocol =
        new(nameof(ClusterOptions.ProxyProtocol), Flag, o => o.ProxyProtocol, (o, v) => o.ProxyProtocol = (bool)v);

    /// <summary>Gets the options of the section <c>ProcessCluster</c>.</summary>
    public static IReadOnlyList<Option<ClusterOptions>> Cluster { get; } =
    [
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.Workers), WorkerCount, o => o.Workers, (o, v) => o.Workers = (int)v, new($"at most {MaxWorkers}; 0 means one per processor", v => v is int and <= MaxWorkers)),
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.StandbyWorkers), Number, o => o.StandbyWorkers, (o, v) => o.StandbyWorkers = (int)v, Between(0, MaxWorkers)),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.MinWorkers), Number, o => o.MinWorkers, (o, v) => o.MinWorkers = (int)v, Between(1, MaxWorkers)),
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.MaxWorkers), Number, o => o.MaxWorkers, (o, v) => o.MaxWorkers = (int)v, UpTo(MaxWorkers, "no automatic scaling")),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.Executable), Text, o => o.Executable, (o, v) => o.Executable = (string)v, new(
            "the path of a program; left out, this program runs again", v => v is null || !string.IsNullOrWhiteSpace((string)v))),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.Arguments), "list of string", "without null characters"),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.WorkingDirectory), Text, o => o.WorkingDirectory, (o, v) => o.WorkingDirectory = (string)v),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.Environment), "map of string", "names without '=' and null characters"),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.SlotEnvironment), "map of maps", $"slots from 0 to {MaxWorkers - 1}"),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.PinProcessors), Flag, o => o.PinProcessors, (o, v) => o.PinProcessors = (bool)v),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.SuppressOutput), Flag, o => o.SuppressOutput, (o, v) => o.SuppressOutput = (bool)v),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.WorkerOutputPrefix), Flag, o => o.WorkerOutputPrefix, (o, v) => o.WorkerOutputPrefix = (bool)v),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.BootTimeout), Time, o => o.BootTimeout, (o, v) => o.BootTimeout = (TimeSpan)v, UpToADay),
        Name(typeof(ReadyWhen), nameof(ClusterOptions.ReadyWhen), o => o.ReadyWhen, (o, v) => o.ReadyWhen = (ReadyWhen)v),
        new OtherOption<ClusterOptions>(nameof(ClusterOptions.ReadyProbe), "delegate"),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.SoakTime), Time, o => o.SoakTime, (o, v) => o.SoakTime = (TimeSpan)v, ZeroToADay),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.DrainTimeout), Time, o => o.DrainTimeout, (o, v) => o.DrainTimeout = (TimeSpan)v, UpToADay),
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.HeartbeatInterval), Time, o => o.HeartbeatInterval, (o, v) => o.HeartbeatInterval = (TimeSpan)v, UpToADay),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.HeartbeatTimeout), Time, o => o.HeartbeatTimeout, (o, v) => o.HeartbeatTimeout = (TimeSpan)v, UpToADay),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.HangDumpDirectory), Text, o => o.HangDumpDirectory, (o, v) => o.HangDumpDirectory = (string)v),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.MoveConnections), Flag, o => o.MoveConnections, (o, v) => o.MoveConnections = (bool)v),
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.RebalanceConnections), Flag, o => o.RebalanceConnections, (o, v) => o.RebalanceConnections = (bool)v),
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
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.MaxMessageBytes), Bytes, o => o.MaxMessageBytes, (o, v) => o.MaxMessageBytes = (int)v, Between(1024, 1024 * 1024 * 1024)),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.RequestTimeout), Time, o => o.RequestTimeout, (o, v) => o.RequestTimeout = (TimeSpan)v, UpToADay),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.SendTimeout), Time, o => o.SendTimeout, (o, v) => o.SendTimeout = (TimeSpan)v, UpToADay),
        new ValueOption<ClusterOptions>(
            nameof(ClusterOptions.MaxConcurrentRequests), Number, o => o.MaxConcurrentRequests, (o, v) => o.MaxConcurrentRequests = (int)v, Between(1, 65_536)),
        new ValueOption<ClusterOptions>(nameof(ClusterOptions.SendStackTraces), Flag, o => o.SendStackTraces, (o, v) => o.SendStackTraces = (bool)v),
    ];

    /// <summary>Gets the options of an element of <c>ProcessCluster:EndPoints</c>.</summary>
    public static IReadOnlyList<Option<EndPointOptions>> EndPoint { get; } =
    [
        new ValueOption<EndPointOptions>(nameof(EndPointOptions.Address), Text, o => o.Address, (o, v) => o.Address = (string)v, new(
            "give a port, an IP address with its port, or the absolute path of a Unix domain socket", v => v is string address && EndPointOptions.IsAddress(address))),
        PerEndPoint(Mode, o => o.Mode, (o, v) => o.Mode = (ListenMode)v),
        PerEndPoint(Dispatch, o => o.Dispatch, (o, v) => o.Dispatch = (DispatchPolicy)v),
        new OtherOption<EndPointOptions>(nameof(EndPointOptions.CustomDispatch), "delegate"),
        PerEndPoint(StickyName, o => o.StickyName, (o, v) => o.StickyName = (string)v),
        PerEndPoint(MaxConnectionsPerWorker, o => o.MaxConnectionsPerWorker, (o, v) => o.MaxConnectionsPerWorker = (int)v),
        PerEndPoint(MaxWaitingConnections, o => o.MaxWaitingConnections, (o, v) => o.MaxWaitingConnections = (int)v),
        PerEndPoint(QueueTimeout, o => o.QueueTimeout, (o, v) => o.QueueTimeout = (TimeSpan)v),
        PerEndPoint(WhenFull, o => o.WhenFull, (o, v) => o.WhenFull = (WhenFull)v),
        PerEndPoint(MaxPeekTime, o => o.MaxPeekTime, (o, v) => o.MaxPeekTime = (TimeSpan)v),
        PerEndPoint(ProxyProtocol, o => o.ProxyProtocol, (o, v) => o.ProxyProtocol = (bool)v),
    ];

    /// <summary>Gets the options of the section <c>ProcessCluster:Restart</c>.</summary>
    public static IReadOnlyList<Option<RestartOptions>> Restart { get; } =
    [
        new ValueOption<RestartOptions>(nameof(RestartOptions.Policy), OneOf(typeof(RestartPolicy)), o => o.Policy, (o, v) => o.Policy = (RestartPolicy)v, Defined(typeof(RestartPolicy))),
        new ValueOption<RestartOptions>(nameof(RestartOptions.InitialDelay), Time, o => o.InitialDelay, (o, v) => o.InitialDelay = (TimeSpan)v, UpToADay),
        new ValueOption<RestartOptions>(nameof(RestartOptions.Factor), Fraction, o => o.Factor, (o, v) => o.Factor = (double)v, Between(1.0, 10.0)),
        new ValueOption<RestartOptions>(nameof(RestartOptions.MaxDelay), Time, o => o.MaxDelay, (o, v) => o.MaxDelay = (TimeSpan)v, UpToADay),
        new ValueOption<RestartOptions>(nameof(RestartOptions.Jitter), Fraction, o => o.Jitter, (o, v) => o.Jitter = (double)v, Share),
        new ValueOption<RestartOptions>(nameof(RestartOptions.StableAfter), Time, o => o.StableAfter, (o, v) => o.StableAfter = (TimeSpan)v, UpToADay),
        new ValueOption<RestartOptions>(nameof(RestartOptions.MaxRestarts), Number, o => o.MaxRestarts, (o, v) => o.MaxRestarts = (int)v, Between(1, 1_000_000)),
        new ValueOption<RestartOptions>(nameof(RestartOptions.Window), Time, o => o.Window, (o, v) => o.Window = (TimeSpan)v, UpToADay),
        new ValueOption<RestartOptions>(
            nameof(RestartOptions.WhenExhausted), OneOf(typeof(WhenExhausted)), o => o.WhenExhausted, (o, v) => o.WhenExhausted = (WhenExhausted)v, Defined(typeof(WhenExhausted))),
    ];

    /// <summary>Gets the options of the section <c>ProcessCluster:Recycle</c>.</summary>
    public static IReadOnlyList<Option<RecycleOptions>> Recycle { get; } =
    [
        new ValueOption<RecycleOptions>(nameof(RecycleOptions.MaxMemory), LongBytes, o => o.MaxMemory, (o, v) => o.MaxMemory = (long)v, new(
            $"bytes, at least {LeastMemory} (a .NET process hardly needs less); 0 means no limit", v => v is 0L or >= LeastMemory)),
        new ValueOption<RecycleOptions>(nameof(RecycleOptions.MaxRequests), LongNumber, o => o.MaxRequests, (o, v) => o.MaxRequests = (long)v, new(
            "0 (no limit) or more", v => v is >= 0L)),
        new ValueOption<RecycleOptions>(nameof(RecycleOptions.MaxAge), Time, o => o.MaxAge, (o, v) => o.MaxAge = (TimeSpan)v, new(
            "from a second to a year; zero means no limit", v => v is TimeSpan age && (age == TimeSpan.Zero || (age >= TimeSpan.FromSeconds(1) && age <= TimeSpan.FromDays(365))))),
        new ValueOption<RecycleOptions>(nameof(RecycleOptions.Jitter), Fraction, o => o.Jitter, (o, v) => o.Jitter = (double)v, Share),
        new OtherOption<RecycleOptions>(nameof(RecycleOptions.Schedule), "list of TimeOnly"),
    ];

    /// <summary>Gets the options of the section <c>ProcessCluster:ConnectionSurvival</c>.</summary>
    public static IReadOnlyList<Option<ConnectionSurvivalOptions>> ConnectionSurvival { get; } =
    [
        new ValueOption<ConnectionSurvivalOptions>(nameof(ConnectionSurvivalOptions.Enabled), Flag, o => o.Enabled, (o, v) => o.Enabled = (bool)v),
        new ValueOption<ConnectionSurvivalOptions>(
            nameof(ConnectionSurvivalOptions.MaxConnections),
            Number,
            o => o.MaxConnections,
            (o, v) => o.MaxConnections = (int)v,
            Between(1, ConnectionSurvivalOptions.MaxConnectionsLimit)),
        new ValueOption<ConnectionSurvivalOptions>(nameof(ConnectionSurvivalOptions.Body), Text, o => o.Body, (o, v) => o.Body = (string)v, new(
            $"a text of at most {ConnectionSurvivalOptions.MaxBodyBytes} bytes in UTF-8, which may be empty",
            v => v is string body && Encoding.UTF8.GetByteCount(body) <= ConnectionSurvivalOptions.MaxBodyBytes)),
        new ValueOption<ConnectionSurvivalOptions>(
            nameof(ConnectionSurvivalOptions.ReplayIdempotent), Flag, o => o.ReplayIdempotent, (o, v) => o.ReplayIdempotent = (bool)v),
        new ValueOption<ConnectionSurvivalOptions>(
            nameof(ConnectionSurvivalOptions.QuarantineAfter), Number, o => o.QuarantineAfter, (o, v) => o.QuarantineAfter = (int)v, UpTo(100, "no quarantine")),
        new ValueOption<ConnectionSurvivalOptions>(
            nameof(ConnectionSurvivalOptions.QuarantineTime), Time, o => o.QuarantineTime, (o, v) => o.QuarantineTime = (TimeSpan)v, UpToADay),
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

    private static ValueOption<ClusterOptions> Name(Type enumeration, string name, Func<ClusterOptions, object?> get, Action<ClusterOptions, object> set) =>
        new(name, OneOf(enumeration), get, set, Defined(enumeration));

    /// <summary>Returns the row of an end point's own value: null is the cluster's.</summary>
    private static ValueOption<EndPointOptions> PerEndPoint(ValueOption<ClusterOptions> row, Func<EndPointOptions, object?> get, Action<EndPointOptions, object> set) =>
        new(row.Name, row.ValueType, get, set, row.Rule is { } rule ? new(rule.Text, value => value is null || rule.Holds(value)) : null);
}
