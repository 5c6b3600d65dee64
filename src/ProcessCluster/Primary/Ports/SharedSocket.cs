using System.Net;
using System.Net.Sockets;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// A socket of which workers have copies: of UDP, or one that listens (<see cref="ListenMode.SharedListener"/>). The primary keeps its own and neither receives nor accepts: what no
/// worker has taken stays in the kernel for the others, and for those that come. What comes wakes one worker; should that one be stopped, killed or
/// starved just then, the others would sleep on: so the primary looks whether something stays there. Belongs to the cluster's loop.
/// </summary>
internal sealed class SharedSocket : EventLoop.Watch, IPort
{
    private readonly EventLoop _loop;
    private readonly IDisposable _owner;
    private bool _disposed;

    private SharedSocket(int id, IDisposable owner, int descriptor, EndPoint endPoint, SocketType type, EventLoop loop)
    {
        Id = id;
        _owner = owner;
        Descriptor = descriptor;
        EndPoint = endPoint;
        SocketType = type;
        _loop = loop;
        Address = endPoint is IPEndPoint ip ? new PeerAddress(ip) : default;
        try
        {
            loop.Add(this, descriptor, EpollEvents.Readable | EpollEvents.OneShot);
        }
        catch
        {
            owner.Dispose(); // It cannot be watched.
            throw;
        }
    }

    public int Id { get; }

    public EndPoint EndPoint { get; }

    public SocketType SocketType { get; }

    /// <summary>Empty for a Unix domain socket.</summary>
    public PeerAddress Address { get; }

    /// <summary>The number, to send a copy.</summary>
    public int Descriptor { get; }

    /// <summary>Gets whether something came since the last poll.</summary>
    public bool WaitsForTime { get; private set; }

    public bool IsHolding => false;

    /// <summary>One of UDP, which it owns.</summary>
    public static SharedSocket Of(int id, Descriptor socket, IPEndPoint endPoint, EventLoop loop) =>
        new(id, socket, socket.Number, endPoint, SocketType.Dgram, loop);

    /// <summary>One that listens, which it owns.</summary>
    public static SharedSocket Of(int id, ListeningSocket socket, EventLoop loop) =>
        new(id, socket, socket.Number, socket.EndPoint, SocketType.Stream, loop);

    /// <summary>Told once of all that comes between two looks.</summary>
    public override void OnReady(EpollEvents events)
    {
        WaitsForTime = !_disposed;
    }

    /// <summary>Looks whether something is there that nobody has taken, and wants to be told again of what comes.</summary>
    public bool Poll()
    {
        if (!WaitsForTime)
            return false;
        WaitsForTime = false;
        var isThere = SocketState.IsReadable(Descriptor);
        _loop.Change(this, Descriptor, EpollEvents.Readable | EpollEvents.OneShot);
        return isThere;
    }

    public void Dispose()
    {
        _disposed = true;
        _loop.Remove(this, Descriptor);
        _owner.Dispose();
    }
}
