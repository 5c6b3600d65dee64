using ProcessCluster.Linux.Events;

namespace ProcessCluster.Connections.Readiness;

/// <summary>The one loop of this process that tells connections that they are ready. Started when first used; lives as long as the process.</summary>
internal static class SocketLoop
{
    private static readonly Lazy<EventLoop> Loop = new(static () => new EventLoop(
        "ProcessCluster sockets",
        // Nothing of the application runs on this thread.
        static exception => Environment.FailFast("The socket loop met an unexpected error. Please report it.", exception)));

    /// <summary>Gets the queue of connections that are ready.</summary>
    public static ReadyQueue Ready { get; } = new();

    public static EventLoop Instance => Loop.Value;
}
