using System.Net;
using System.Net.Sockets;

namespace ProcessCluster;

/// <summary>Says which worker an event is about.</summary>
/// <param name="worker">The worker.</param>
public class WorkerEventArgs(ClusterWorker worker) : EventArgs
{
    /// <summary>The worker that the event is about.</summary>
    public ClusterWorker Worker { get; } = worker;
}

/// <summary>A worker listens on an end point, or has a UDP socket bound to it.</summary>
/// <param name="worker">The worker.</param>
/// <param name="endPoint">The end point with its real port.</param>
/// <param name="socketType">Connections or datagrams. Default: connections.</param>
public sealed class WorkerListeningEventArgs(ClusterWorker worker, EndPoint endPoint, SocketType socketType = SocketType.Stream)
    : WorkerEventArgs(worker)
{
    /// <summary>The end point as it is bound: where port 0 was asked for, this is the real port.</summary>
    public EndPoint EndPoint { get; } = endPoint;

    /// <summary><see cref="SocketType.Stream"/> for connections (TCP, Unix domain), <see cref="SocketType.Dgram"/> for UDP.</summary>
    public SocketType SocketType { get; } = socketType;
}

/// <summary>A worker's process has ended.</summary>
/// <param name="worker">The worker.</param>
/// <param name="exit">The end of the process: how and why.</param>
public sealed class WorkerExitedEventArgs(ClusterWorker worker, WorkerExit exit) : WorkerEventArgs(worker)
{
    /// <summary>Gets how and why the worker ended.</summary>
    public WorkerExit Exit { get; } = exit;
}
