using System.Collections;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Linux.Systemd;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Workers;

/// <summary>Turns options into what is started.</summary>
internal static class WorkerLaunch
{
    /// <summary>
    /// The number of rounds for which an idle thread of the runtime's pool looks for work before it sleeps, in hexadecimal; .NET's default is 70.
    /// Workers share processors: the time that one looks is taken from the others. With 8, two workers on two processors served 5 %
    /// more new connections with a tenth less processor time; with none they served fewer, as each wake-up costs a system call.
    /// </summary>
    private const string SpinLimit = "ThreadPool_UnfairSemaphoreSpinLimit", WorkersSpinLimit = "8";

    /// <summary>The share of a container's memory, in percent, that the heaps of all workers together may have; .NET's default for one process.</summary>
    private const int HeapPercent = 75;

    /// <summary>The variables of systemd for the process that it has started. They are not for workers.</summary>
    private static readonly string[] OfThePrimary =
    [
        SystemdSockets.ProcessVariable, NotifySocket.Variable, NotifySocket.WatchdogVariable, NotifySocket.WatchdogProcessVariable,
    ];

    /// <summary>The variables with the number and the names of systemd's sockets. They mean nothing without <c>LISTEN_PID</c>.</summary>
    private static readonly string[] OfItsSockets = [SystemdSockets.CountVariable, SystemdSockets.NamesVariable];

    private static readonly Lazy<bool> MemoryIsLimited = new(static () => new MemoryGroup().IsLimited);

    /// <param name="place">The worker's place.</param>
    /// <param name="options">The options of the program and its surroundings.</param>
    /// <param name="environment">Variables for this worker alone; null removes one.</param>
    public static ChildStart For(in WorkerPlace place, ClusterOptions options, IReadOnlyDictionary<string, string?>? environment)
    {
        var (path, arguments) = options.Executable is { } executable
            ? (Resolve(executable), (IReadOnlyList<string>)[.. options.Arguments ?? []])
            : SelfCommand.Resolve(options.Arguments);
        return new ChildStart(
            place,
            path,
            arguments,
            Variables(place, options, environment),
            options.WorkingDirectory is { } directory ? LaunchPath.Absolute(directory) : LaunchPath.Directory,
            OutputOf(options),
            options.PinProcessors,
            Board.SizeFor(options.KeepsConnections ? options.ConnectionSurvival.MaxConnections : 0));
    }

    private static ChildOutput OutputOf(ClusterOptions options) => options switch
    {
        { SuppressOutput: true } => ChildOutput.Discarded,
        { WorkerOutputPrefix: true } => ChildOutput.Piped,
        _ => ChildOutput.Inherited,
    };

    private static string Resolve(string executable) =>
        SelfCommand.FindOnPath(executable)
        ?? throw new ClusterException($"The worker's program '{executable}' was not found. Set ClusterOptions.Executable to the path of a program.");

    private static Dictionary<string, string> Variables(
        in WorkerPlace place, ClusterOptions options, IReadOnlyDictionary<string, string?>? environment)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        foreach (var name in SystemdSockets.Names is [] ? [.. OfThePrimary, .. OfItsSockets] : OfThePrimary)
            variables.Remove(name);
        if (!IsSet(variables, SpinLimit) && AppContext.GetData($"System.Threading.{SpinLimit.Replace('_', '.')}") is null)
            variables[$"DOTNET_{SpinLimit}"] = WorkersSpinLimit;
        SetCollector(variables, options.FirstWorkers(Environment.ProcessorCount), MemoryIsLimited.Value);
        Overlay(variables, options.Environment);
        if (options.SlotEnvironment.TryGetValue(place.Slot, out var ofSlot))
            Overlay(variables, ofSlot);
        if (environment is not null)
            Overlay(variables, environment);
        return variables;
    }

    /// <summary>
    /// Settings of the garbage collector that fit several processes, where the primary's own environment has none: the server's collector
    /// has a heap and a thread for each processor in each process, and each process would take the whole container's memory for its own.
    /// </summary>
    internal static void SetCollector(Dictionary<string, string> variables, int workers, bool memoryIsLimited)
    {
        if (workers < 2)
            return;
        if (!IsSet(variables, "gcServer"))
            variables["DOTNET_gcServer"] = "0";
        if (memoryIsLimited && !IsSet(variables, "GCHeapHardLimit") && !IsSet(variables, "GCHeapHardLimitPercent"))
            variables["DOTNET_GCHeapHardLimitPercent"] = Math.Max(1, HeapPercent / workers).ToString("X", System.Globalization.CultureInfo.InvariantCulture);
    }

    private static bool IsSet(Dictionary<string, string> variables, string name) =>
        variables.ContainsKey($"DOTNET_{name}") || variables.ContainsKey($"COMPlus_{name}");

    private static void Overlay(Dictionary<string, string> variables, IEnumerable<KeyValuePair<string, string?>> changes)
    {
        foreach (var (name, value) in changes)
        {
            if (!ClusterOptions.IsVariableName(name) || value?.Contains('\0') == true)
            {
                throw new ArgumentException(
                    $"The environment has '{name}': a name is not empty and has neither '=' nor a null character, a value no null character.");
            }
            if (value is null)
                variables.Remove(name);
            else
                variables[name] = value;
        }
    }
}
