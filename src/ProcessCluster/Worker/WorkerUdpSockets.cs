using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>
/// The UDP sockets of a worker: asked for over the link, they come over the hand-off socket, each with the number of its request. What
/// comes for a request that nobody waits for any more is closed.
/// </summary>
/// <param name="send">Sends to the primary; false when it is gone.</param>
internal sealed class WorkerUdpSockets(Func<ControlMessage, bool> send)
{
    private readonly ConcurrentDictionary<int, ClusterUdpSocket> _sockets = new();
    private readonly PendingAnswers<ClusterUdpSocket> _requests = new(send, static socket => socket.Close());
    private volatile bool _hasEnded;

    public bool HasAny => !_sockets.IsEmpty;

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    /// <exception cref="ClusterException">The primary is gone.</exception>
    public Task<ClusterUdpSocket> BindAsync(int number, EndPoint endPoint, ClusterUdpOptions options, CancellationToken cancellationToken) => _requests.AskAsync(
        number,
        new ControlMessage.BindUdp(
            number, endPoint, options.DualMode, options.EnableBroadcast, options.ReceiveBufferBytes, options.SendBufferBytes),
        $"The primary is gone: nobody can bind {endPoint}.",
        cancellationToken);

    /// <summary>The primary's copy of a socket; without a descriptor when this process had no number left for it.</summary>
    public void Arrived(int number, int port, Descriptor descriptor, in PeerAddress address)
    {
        if (descriptor.IsInvalid)
        {
            send(new ControlMessage.CloseListener(port));
            _requests.Fail(number, new SocketException((int)SocketError.TooManyOpenSockets));
            return;
        }
        var socket = new ClusterUdpSocket(descriptor, SocketLoop.Instance, address.ToEndPoint()!, closed =>
        {
            _sockets.TryRemove(port, out _);
            send(new ControlMessage.CloseListener(port));
        });
        _sockets[port] = socket;
        if (_hasEnded)
            socket.EndReceiving(); // It was on its way when the worker was told to leave.
        // In this order: the program may close the socket as soon as it has it.
        send(new ControlMessage.Listening(port));
        _requests.Answer(number, socket);
    }

    /// <summary>The primary could not bind it.</summary>
    public void Refused(int number, SocketException refusal) => _requests.Fail(number, refusal);

    /// <summary>This worker leaves: what comes is for others. Sending goes on.</summary>
    public void EndReceiving()
    {
        _hasEnded = true;
        foreach (var socket in _sockets.Values)
            socket.EndReceiving();
    }

    /// <summary>Another worker was woken for a datagram and has not received it.</summary>
    public void Recheck(int port)
    {
        if (_sockets.TryGetValue(port, out var socket))
            socket.Recheck();
    }

    public void FailRequests(Exception exception) => _requests.FailAll(exception);
}
