using System.Net.Sockets;
using ProcessCluster.Wire;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// Brings workers their copies of UDP sockets. What a hand-off socket does not take now waits here: at most the sockets that the worker
/// has asked for, each of which is bound already. Belongs to the cluster's loop.
/// </summary>
internal sealed class SocketDelivery
{
    private readonly List<Delivery> _waiting = [];

    private sealed record Delivery(WorkerChannel Channel, SharedUdpSocket Socket, int Request);

    /// <summary>Whether <see cref="Retry"/> is to be called every now and then.</summary>
    public bool NeedsClock => _waiting.Count > 0;

    public void Deliver(WorkerChannel channel, SharedUdpSocket socket, int request)
    {
        if (!channel.TryDeliver(socket, request))
            _waiting.Add(new Delivery(channel, socket, request));
    }

    public void Retry() => _waiting.RemoveAll(static d => d.Channel.TryDeliver(d.Socket, d.Request));

    /// <summary>The worker is gone.</summary>
    public void Forget(WorkerChannel channel) => _waiting.RemoveAll(d => d.Channel == channel);

    /// <summary>The worker does not want it any more.</summary>
    public void Forget(WorkerChannel channel, ISharedEndPoint socket) =>
        _waiting.RemoveAll(d => d.Channel == channel && d.Socket == socket);

    /// <summary>The sockets are about to be closed.</summary>
    public void RefuseAll()
    {
        foreach (var (channel, _, request) in _waiting)
            channel.Worker.Send(new ControlMessage.NotBound(request, (int)SocketError.Shutdown, "the cluster is being disconnected"));
        _waiting.Clear();
    }
}
