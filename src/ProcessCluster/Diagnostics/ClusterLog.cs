using Microsoft.Extensions.Logging;

namespace ProcessCluster.Diagnostics;

/// <summary>Everything that the library logs, with its event id. Ids are never reused; docs/logging.md holds the same table.</summary>
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

    [LoggerMessage(4, LogLevel.Information, "A worker for the lost one will be started in {Delay}.")]
    public static partial void ReplacementDelayed(this ILogger logger, TimeSpan delay);

    [LoggerMessage(5, LogLevel.Error, "No worker could be started; the next attempt is in {Delay}.")]
    public static partial void ForkFailed(this ILogger logger, TimeSpan delay, Exception exception);

    [LoggerMessage(6, LogLevel.Error, "{Worker} was cut off: {Reason}")]
    public static partial void LinkFault(this ILogger logger, ClusterWorker worker, string reason);

    [LoggerMessage(7, LogLevel.Error, "A handler of the event {Event} threw. The cluster goes on.")]
    public static partial void HandlerFailed(this ILogger logger, string @event, Exception exception);

    [LoggerMessage(8, LogLevel.Error, "{Dropped} events were dropped: a handler does not return.")]
    public static partial void EventsDropped(this ILogger logger, long dropped);

    [LoggerMessage(9, LogLevel.Warning, "No descriptor or memory is left to accept connections of {EndPoint}; they wait in the kernel. Raise the limit of open files (ulimit -n).")]
    public static partial void AcceptExhausted(this ILogger logger, System.Net.EndPoint endPoint);

    [LoggerMessage(10, LogLevel.Warning, "{Count} connections of {EndPoint} waited {MaxWait} for a worker and were closed.")]
    public static partial void WaitedTooLong(this ILogger logger, int count, System.Net.EndPoint endPoint, TimeSpan maxWait);

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
}
