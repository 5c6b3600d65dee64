using Microsoft.Extensions.Logging;

namespace ProcessCluster.Diagnostics;

/// <summary>Everything that the library logs, with its event id. Ids are never reused; docs/reference/logging.md holds the same table.</summary>
internal static partial class ClusterLog
{
    /// <summary>The category of all of them.</summary>
    public const string Category = "ProcessCluster";

    [LoggerMessage(1, LogLevel.Debug, "Started {Worker}.")]
    public static partial void WorkerStarted(this ILogger logger, ClusterWorker worker);

    [LoggerMessage(2, LogLevel.Information, "Worker {WorkerId} (process {ProcessId}) {Exit}.")]
    public static partial void WorkerLeft(this ILogger logger, int workerId, int processId, WorkerExit exit);

    [LoggerMessage(3, LogLevel.Warning, "Worker {WorkerId} (process {ProcessId}) {Exit}.")]
    public static partial void WorkerLost(this ILogger logger, int workerId, int processId, WorkerExit exit);

    [LoggerMessage(4, LogLevel.Information, "Slot {Slot}: a worker for the lost one will be started in {Delay}.")]
    public static partial void ReplacementDelayed(this ILogger logger, int slot, TimeSpan delay);

    [LoggerMessage(5, LogLevel.Error, "Slot {Slot}: no worker could be started. It is tried again.")]
    public static partial void ForkFailed(this ILogger logger, int slot, Exception exception);

    [LoggerMessage(6, LogLevel.Error, "{Worker} was cut off: {Reason}")]
    public static partial void LinkFault(this ILogger logger, ClusterWorker worker, string reason);

    [LoggerMessage(7, LogLevel.Error, "A handler of the event {Event} threw. The cluster goes on.")]
    public static partial void HandlerFailed(this ILogger logger, string @event, Exception exception);

    [LoggerMessage(8, LogLevel.Error, "{Dropped} events were dropped: a handler does not return.")]
    public static partial void EventsDropped(this ILogger logger, long dropped);

    [LoggerMessage(9, LogLevel.Warning, "No descriptor or memory is left to accept connections of {EndPoint}; they wait in the kernel. Raise the limit of open files (ulimit -n).")]
    public static partial void AcceptExhausted(this ILogger logger, System.Net.EndPoint endPoint);

    [LoggerMessage(10, LogLevel.Warning, "{Count} connections of {EndPoint} waited {QueueTimeout} for a worker and were closed.")]
    public static partial void WaitedTooLong(this ILogger logger, int count, System.Net.EndPoint endPoint, TimeSpan queueTimeout);

    [LoggerMessage(12, LogLevel.Warning, "A handler of the cluster's events has not returned within {Timeout}. The cluster ends without it.")]
    public static partial void HandlersBlock(this ILogger logger, TimeSpan timeout);

    [LoggerMessage(11, LogLevel.Critical, "The cluster's loop met an unexpected error and goes on. Please report it.")]
    public static partial void LoopFailed(this ILogger logger, Exception exception);

    [LoggerMessage(13, LogLevel.Error, "A handler of a message of {Peer} threw. The next message is handled.")]
    public static partial void MessageHandlerFailed(this ILogger logger, string peer, Exception exception);

    [LoggerMessage(14, LogLevel.Error, "The message {Message} of {Peer} could not be read and is lost.")]
    public static partial void MessageUnreadable(this ILogger logger, string message, string peer, Exception exception);

    [LoggerMessage(15, LogLevel.Error, "{Peer} could not read the message {Message}: {Reason}")]
    public static partial void MessageUnreadableThere(this ILogger logger, string peer, string message, string reason);

    [LoggerMessage(16, LogLevel.Warning, "The message {Message} of {Peer} has no handler here and {Kept} are kept for one already: it is dropped. Add a handler with OnMessage.")]
    public static partial void MessageDropped(this ILogger logger, string message, string peer, int kept);

    [LoggerMessage(20, LogLevel.Warning, "Slot {Slot} stays empty: its worker's end is one that nobody follows (Restart:Policy, or the exit code 78). A reload fills it.")]
    public static partial void SlotGivenUp(this ILogger logger, int slot);

    [LoggerMessage(21, LogLevel.Error, "Slot {Slot} has used up its {MaxRestarts} restarts within {Window}. One more is tried in {Delay}.")]
    public static partial void BreakerOpened(this ILogger logger, int slot, int maxRestarts, TimeSpan window, TimeSpan delay);

    [LoggerMessage(22, LogLevel.Information, "Standby worker {WorkerId} took slot {Slot}.")]
    public static partial void StandbyTookOver(this ILogger logger, int workerId, int slot);

    [LoggerMessage(23, LogLevel.Information, "Worker {WorkerId} is due for recycling: {Rule}.")]
    public static partial void Recycling(this ILogger logger, int workerId, string rule);

    [LoggerMessage(24, LogLevel.Warning, "Worker {WorkerId} could not be recycled and stays: {Failure}")]
    public static partial void RecyclingFailed(this ILogger logger, int workerId, ReloadFailure failure);

    [LoggerMessage(25, LogLevel.Information, "Reloading to generation {Generation}.")]
    public static partial void Reloading(this ILogger logger, int generation);

    [LoggerMessage(26, LogLevel.Information, "{Result}")]
    public static partial void Reloaded(this ILogger logger, ReloadResult result);

    [LoggerMessage(27, LogLevel.Error, "{Result}")]
    public static partial void ReloadFailed(this ILogger logger, ReloadResult result);

    [LoggerMessage(28, LogLevel.Error, "{Worker} is hung: it gave no sign of life for {Timeout}.")]
    public static partial void WorkerHung(this ILogger logger, ClusterWorker worker, TimeSpan timeout);

    [LoggerMessage(29, LogLevel.Information, "A dump of {Worker} was written: {Path}")]
    public static partial void DumpWritten(this ILogger logger, ClusterWorker worker, string path);

    [LoggerMessage(30, LogLevel.Warning, "No dump of {Worker} could be written.")]
    public static partial void DumpFailed(this ILogger logger, ClusterWorker worker, Exception exception);

    [LoggerMessage(31, LogLevel.Critical, "No worker is ready and none will be tried: the cluster ends (Restart:WhenExhausted).")]
    public static partial void GivenUp(this ILogger logger);

    [LoggerMessage(34, LogLevel.Warning, "{EndPoint} is shared with SO_REUSEPORT, and net.ipv4.tcp_migrate_req is 0: connections that a worker has not accepted are reset when it ends. Set it to 1, or use the mode Handoff.")]
    public static partial void QueuesDieWithWorkers(this ILogger logger, System.Net.EndPoint endPoint);

    [LoggerMessage(33, LogLevel.Error, "The dispatch policy of {EndPoint} threw. The connection is closed.")]
    public static partial void PolicyFailed(this ILogger logger, System.Net.EndPoint endPoint, Exception exception);

    [LoggerMessage(35, LogLevel.Error, "No descriptor was left for a connection that worker {Worker} gave back for another; it was closed. Raise the limit of open files (ulimit -n).")]
    public static partial void MoveExhausted(this ILogger logger, int worker);

    [LoggerMessage(36, LogLevel.Warning, "ConnectionSurvival:MaxConnections is {Wanted}, but the primary may have only {Limit} files open: no more than {Room} connections can outlive their workers. Raise the limit (ulimit -n), or ask for fewer.")]
    public static partial void FewSurvive(this ILogger logger, int wanted, long limit, int room);

    [LoggerMessage(37, LogLevel.Warning, "Worker {Worker} ended with connections: {Idle} idle ones are served by others, {Busy} with a request under way were answered in its place, {Cut} ended with it; {Replayed} requests are tried once more by others.")]
    public static partial void ConnectionsOutlived(this ILogger logger, int worker, int idle, int busy, int cut, int replayed);

    [LoggerMessage(38, LogLevel.Warning, "Worker {Worker} ended while it served {Requests} (and {Others} more).")]
    public static partial void RequestsUnderWay(this ILogger logger, int worker, string requests, int others);

    [LoggerMessage(41, LogLevel.Warning, "{Request} was running in {Crashes} crashes in a row (workers {Workers}): it is quarantined, and answered with 503, for {Time}.")]
    public static partial void Quarantined(this ILogger logger, string request, int crashes, string workers, TimeSpan time);

    [LoggerMessage(42, LogLevel.Information, "{Request} is not quarantined any more.")]
    public static partial void QuarantineLifted(this ILogger logger, string request);

    [LoggerMessage(43, LogLevel.Information, "The terminal is gone (SIGHUP): the cluster ends. Start it with setsid or nohup, or as a service, to have it stay.")]
    public static partial void TerminalGone(this ILogger logger);

    [LoggerMessage(44, LogLevel.Warning, "{Signal} is not taken for an order to scale: this process is in the background of a terminal, which may have sent it. Redirect standard input (< /dev/null), or start it with setsid.")]
    public static partial void SignalsNotTaken(this ILogger logger, Signal signal);

    [LoggerMessage(45, LogLevel.Warning, "The program uses its terminal from the background. The system stops it until it is in the foreground (fg). Redirect standard input (< /dev/null) to have it run there.")]
    public static partial void TerminalStops(this ILogger logger);

    [LoggerMessage(32, LogLevel.Information, "Scaling from {Before} workers to {After}.")]
    public static partial void Scaling(this ILogger logger, int before, int after);

    [LoggerMessage(60, LogLevel.Warning, "{Worker} has no file descriptor left for connections. Others serve them until it has one. Find what it keeps open, or raise the limit of open files (ulimit -n).")]
    public static partial void WorkerExhausted(this ILogger logger, ClusterWorker worker);

    [LoggerMessage(40, LogLevel.Warning, "systemd could not be told '{State}' over NOTIFY_SOCKET: {Reason}. The cluster goes on.")]
    public static partial void SystemdNotTold(this ILogger logger, string state, string reason);

    [LoggerMessage(50, LogLevel.Warning, "Standard {Stream} takes nothing now ({Reason}). What workers write is lost, and counted, until it does.")]
    public static partial void OutputLost(this ILogger logger, string stream, string reason);

    [LoggerMessage(51, LogLevel.Warning, "Standard {Stream} takes again what workers write. {Lines} lines ({Bytes} bytes) were lost.")]
    public static partial void OutputGoesOn(this ILogger logger, string stream, long lines, long bytes);
}
