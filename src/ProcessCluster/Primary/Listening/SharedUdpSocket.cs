using System.Net;
using System.Net.Sockets;
using ProcessCluster.Platform;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// A UDP socket that workers share. The primary keeps its copy and neither receives nor sends: what no worker has received stays in the
/// kernel for the others, and for those that come. A datagram wakes one worker; should that one be stopped, killed or starved just then,
/// the others would sleep on: so the primary looks whether something stays unread. Belongs to the cluster's loop.
/// </summary>
internal sealed class SharedUdpSocket : EventLoop.Watch, ISharedEndPoint
{
    private readonly EventLoop _loop;
    private readonly Descriptor _socket;
    private readonly Action _needsClock;
    private bool _disposed;

    public SharedUdpSocket(int id, Descriptor socket, IPEndPoint endPoint, EventLoop loop, Action needsClock)
    {
        (Id, _socket, EndPoint, _loop, _needsClock) = (id, socket, endPoint, loop, needsClock);
        Address = new PeerAddress(endPoint);
        loop.Add(this, socket.Number, Libc.EPOLLIN | Libc.EPOLLONESHOT);
    }

    public int Id { get; }

    public EndPoint EndPoint { get; }

    public SocketType SocketType => SocketType.Dgram;

    public PeerAddress Address { get; }

    /// <summary>The number, to send a copy.</summary>
    public int Descriptor => _socket.Number;

    /// <summary>Whether something came since the last look.</summary>
    public bool NeedsClock { get; private set; }

    /// <summary>Told once of all that comes between two looks.</summary>
    public override void OnReady(uint events)
    {
        if (_disposed)
            return;
        NeedsClock = true;
        _needsClock();
    }

    /// <summary>Looks whether something is unread, and wants to be told again of what comes.</summary>
    public bool Look()
    {
        if (!NeedsClock)
            return false;
        NeedsClock = false;
        var unread = DatagramSocket.HasUnread(_socket);
        _loop.Change(this, _socket.Number, Libc.EPOLLIN | Libc.EPOLLONESHOT);
        return unread;
    }

    public void Dispose()
    {
        _disposed = true;
        _loop.Remove(this, _socket.Number);
        _socket.Dispose();
    }
}
