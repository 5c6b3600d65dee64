using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// Brings workers the sockets that they asked for, of which each has a copy or one of its own. What a hand-off socket does not take now waits here: at most the sockets that the worker
/// has asked for, each of which is bound already. Belongs to the cluster's loop.
/// </summary>
internal sealed class SocketSender
{
    private readonly List<Delivery> _waiting = [];

    /// <param name="Channel">To whom.</param>
    /// <param name="Port">Of what.</param>
    /// <param name="Request">The worker's.</param>
    /// <param name="Own">A socket that is for this worker alone: it is closed when the worker has it. Else a copy of the port's.</param>
    private sealed record Delivery(HandoffChannel Channel, IPort Port, int Request, Descriptor? Own)
    {
        public bool TryMake()
        {
            var copied = Port as SharedSocket;
            if (!Channel.TryDeliver(Port.Id, Request, Own?.Number ?? copied!.Descriptor, copied?.Address ?? default))
                return false;
            Own?.Dispose();
            return true;
        }
    }

    /// <summary>Gets whether sockets wait for <see cref="Retry"/>.</summary>
    public bool HasWaiting => _waiting.Count > 0;

    public void Deliver(HandoffChannel channel, IPort port, int request, Descriptor? own = null)
    {
        var delivery = new Delivery(channel, port, request, own);
        if (!delivery.TryMake())
            _waiting.Add(delivery);
    }

    public void Retry() => _waiting.RemoveAll(static delivery => delivery.TryMake());

    /// <summary>The worker is gone.</summary>
    public void Forget(HandoffChannel channel) => Forget(delivery => delivery.Channel == channel);

    /// <summary>The worker does not want it any more.</summary>
    public void Forget(HandoffChannel channel, IPort port) => Forget(delivery => delivery.Channel == channel && delivery.Port == port);

    /// <summary>The sockets are about to be closed.</summary>
    public void RefuseAll()
    {
        foreach (var (channel, _, request, _) in _waiting)
            channel.Worker.Send(new ControlMessage.NotBound(request, (int)SocketError.Shutdown, "the cluster is being disconnected"));
        Forget(static _ => true);
    }

    private void Forget(Predicate<Delivery> which)
    {
        foreach (var delivery in _waiting.FindAll(which))
            delivery.Own?.Dispose();
        _waiting.RemoveAll(which);
    }
}
