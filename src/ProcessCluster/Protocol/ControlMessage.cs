using System.Net;

namespace ProcessCluster.Protocol;

/// <summary>The control messages between the primary and a worker over the pipes, all of them. A request carries a number that its answer repeats.</summary>
internal abstract record ControlMessage
{
    /// <summary>Worker → primary, first of all: the link is up.</summary>
    public sealed record Hello(int Protocol, int ProcessId) : ControlMessage;

    /// <summary>Worker → primary: give me connections of this end point; bind it if nobody has.</summary>
    public sealed record Listen(int Request, EndPoint EndPoint, ClusterListenOptions Options) : ControlMessage;

    /// <summary>Primary → worker: it is bound; connections come under this port number, from the moment the worker says <see cref="Listening"/>.</summary>
    public sealed record Bound(int Request, int Port, EndPoint EndPoint) : ControlMessage;

    /// <summary>Primary → worker: it could not be bound, with the socket error that binding gave.</summary>
    public sealed record NotBound(int Request, int SocketError, string Reason) : ControlMessage;

    /// <summary>Worker → primary: the listener is in place, connections may come.</summary>
    public sealed record Listening(int Port) : ControlMessage;

    /// <summary>Worker → primary: no more connections of this port.</summary>
    public sealed record CloseListener(int Port) : ControlMessage;

    /// <summary>Worker → primary: the program is up, reachable at these addresses.</summary>
    public sealed record Ready(IReadOnlyCollection<string> Addresses) : ControlMessage;

    /// <summary>Worker → primary: the program could not start.</summary>
    public sealed record StartFailed(string Reason) : ControlMessage;

    /// <summary>Primary → worker: finish what you do and end; other workers take idle connections, or nobody does.</summary>
    public sealed record Disconnect(bool MovesConnections) : ControlMessage;

    /// <summary>Worker → primary: I am leaving by my own wish; no more connections, please.</summary>
    public sealed record Leaving : ControlMessage;

    /// <summary>Primary → worker: noted, the exit will not count as a crash; other workers take idle connections, or nobody does.</summary>
    public sealed record LeavingNoted(bool MovesConnections) : ControlMessage;

    /// <summary>Primary → worker: connections come now, and you have this slot.</summary>
    public sealed record Admitted(int Slot) : ControlMessage;

    /// <summary>Primary → worker: you have more connections than the others; give back so many of this port's that are idle.</summary>
    public sealed record GiveBack(int Port, int Count) : ControlMessage;

    /// <summary>Primary → worker: give a sign of life, through your thread pool.</summary>
    public sealed record Ping(int Sequence) : ControlMessage;

    /// <summary>Worker → primary: the sign, and what the worker has done since its start.</summary>
    public sealed record Pong(int Sequence, long Requests, int InFlight, TimeSpan Busy, bool IsDebugged) : ControlMessage;
    /// <summary>
    /// Worker → primary: give me a copy of the UDP socket of this end point; bind it if nobody has. It comes over the hand-off socket, or
    /// <see cref="NotBound"/> does. <see cref="Listening"/> and <see cref="CloseListener"/> are said of it as of a listener.
    /// </summary>
    public sealed record BindUdp(
        int Request, EndPoint EndPoint, bool DualMode, bool EnableBroadcast, int ReceiveBufferBytes, int SendBufferBytes) : ControlMessage;

    /// <summary>Primary → worker: the UDP socket of this port has something that nobody receives; whoever waits shall look.</summary>
    public sealed record Unread(int Port) : ControlMessage;

    /// <summary>Worker → primary: I want this lock; put me in line.</summary>
    public sealed record AcquireLock(int Request, string Name) : ControlMessage;

    /// <summary>Primary → worker: the lock is yours until you give it back or your process ends.</summary>
    public sealed record LockGranted(int Request) : ControlMessage;

    /// <summary>Worker → primary: I give the lock back, or my place in line up.</summary>
    public sealed record ReleaseLock(int Request) : ControlMessage;
}
