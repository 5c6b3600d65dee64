using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Ports;

/// <summary>The part that binds what workers ask for, or finds it bound.</summary>
internal sealed partial class PortTable
{
    /// <summary>The number of end points that the primary holds open for its workers. Those that no worker uses any more are closed first.</summary>
    private const int MaxPorts = 2048;

    /// <summary>Binds the end point, or finds it bound: the answer to the worker; null when a socket is on its way to it.</summary>
    public ControlMessage? Bind(WorkerHandle worker, ControlMessage.Listen request)
    {
        var options = request.Options;
        if (options.Exclusive)
            return BindExclusive(worker, request);
        var key = new PortKey(PortUse.Shared, request.EndPoint);
        switch (DispatchRules.ModeOf(worker.Options, request.EndPoint))
        {
            case ListenMode.SharedListener:
                return TryUse(
                    worker, request.Request, key, out SharedSocket? copied, out var refusal, id => SharedSocket.Of(id, ListeningSocket.Bind(request.EndPoint, options), _loop))
                    ? Deliver(worker, copied, request.Request)
                    : refusal;
            case ListenMode.ReusePort:
                return TryUse(worker, request.Request, key, out ReusePortGroup? reused, out refusal, id => Hold(id, request.EndPoint, options))
                    ? DeliverOwn(worker, reused, request.Request, options)
                    : refusal;
            default:
                return TryUse(worker, request.Request, key, out HandoffPort? port, out refusal, id => Share(id, worker, request))
                    ? new ControlMessage.Bound(request.Request, port.Id, port.EndPoint)
                    : refusal;
        }
    }

    /// <summary>Under a key that nobody else has, in whatever mode. Whether the end point is free is the system's to say.</summary>
    private ControlMessage BindExclusive(WorkerHandle worker, ControlMessage.Listen request)
    {
        var key = new PortKey(PortUse.Exclusive, request.EndPoint, Owner: worker.Id);
        if (!TryUse(worker, request.Request, key, out HandoffPort? port, out var refusal, id => Share(id, worker, request)))
            return refusal;
        _users[worker].Own.Add(port);
        return new ControlMessage.Bound(request.Request, port.Id, port.EndPoint);
    }

    /// <summary>As the other, of a UDP socket.</summary>
    public ControlMessage? Bind(WorkerHandle worker, ControlMessage.BindUdp request)
    {
        var options = new ClusterUdpOptions
        {
            DualMode = request.DualMode,
            EnableBroadcast = request.EnableBroadcast,
            ReceiveBufferBytes = request.ReceiveBufferBytes,
            SendBufferBytes = request.SendBufferBytes,
        };
        // It is part of where the socket is bound; of the other options the first worker's hold.
        var isDual = request.DualMode && request.EndPoint is IPEndPoint ip && ip.Address.Equals(IPAddress.IPv6Any);
        var key = new PortKey(isDual ? PortUse.DualModeUdp : PortUse.Udp, request.EndPoint);
        if (!TryUse(worker, request.Request, key, out var socket, out var refusal, id =>
            SharedSocket.Of(id, DatagramSocket.Bind(request.EndPoint, options, out var bound), bound, _loop)))
        {
            return refusal;
        }
        return Deliver(worker, socket, request.Request);
    }

    private ControlMessage? Deliver(WorkerHandle worker, IPort port, int request, Descriptor? own = null)
    {
        _delivery.Deliver(_users[worker].Channel, port, request, own);
        return null;
    }

    private ControlMessage? DeliverOwn(WorkerHandle worker, ReusePortGroup port, int request, ClusterListenOptions options)
    {
        try
        {
            return Deliver(worker, port, request, port.Open(options));
        }
        catch (SocketException exception)
        {
            CloseListener(worker, port.Id);
            return new ControlMessage.NotBound(request, (int)exception.SocketErrorCode, exception.Message);
        }
    }

    private HandoffPort Share(int id, WorkerHandle worker, ControlMessage.Listen request)
    {
        var rules = DispatchRules.For(worker.Options, request.EndPoint, _time);
        var socket = ListeningSocket.Bind(request.EndPoint, request.Options);
        try
        {
            return new HandoffPort(id, socket, request.Options, _loop, rules, _time, this);
        }
        catch
        {
            socket.Dispose(); // It cannot be watched.
            throw;
        }
    }

    private ReusePortGroup Hold(int id, EndPoint endPoint, ClusterListenOptions options)
    {
        var port = new ReusePortGroup(id, endPoint, options);
        if (!ReusePortGroup.MigratesQueues)
            _logger.QueuesDieWithWorkers(port.EndPoint);
        return port;
    }

    /// <summary>Enters the worker as a user of what it asks for, which is made when nobody has it yet.</summary>
    private bool TryUse<T>(
        WorkerHandle worker,
        int request,
        PortKey asked,
        [NotNullWhen(true)] out T? shared,
        [NotNullWhen(false)] out ControlMessage? refusal,
        Func<int, T> make)
        where T : class, IPort
    {
        shared = null;
        refusal = null;
        if (worker.Life.LeaveWanted || !_users.TryGetValue(worker, out var user))
        {
            refusal = new ControlMessage.NotBound(request, (int)SocketError.Shutdown, "the worker is leaving");
            return false;
        }
        if (user.Count >= Board.MaxPorts)
        {
            if (++user.Refused > Board.MaxPorts)
                _fault(worker, $"it asks for end points again and again, though it has the {Board.MaxPorts} that a worker can have.");
            refusal = new ControlMessage.NotBound(
                request, (int)SocketError.TooManyOpenSockets, $"this worker uses {Board.MaxPorts} end points already, which is the most; close one first");
            return false;
        }
        var key = Find(user, asked);
        if (user.Has(key))
        {
            refusal = new ControlMessage.NotBound(request, (int)SocketError.AddressAlreadyInUse, $"this worker listens on {asked.EndPoint} already");
            return false;
        }
        try
        {
            if (_byKey.TryGetValue(key, out var found))
            {
                shared = found as T ?? throw new NotSupportedException($"{asked.EndPoint} is bound already, in another mode (ProcessCluster:Mode)");
            }
            else
            {
                MakeRoom();
                shared = make(++_lastId);
                _byKey[key] = shared;
                _byId.Add(shared.Id, shared);
            }
            user.Use(shared, key);
            return true;
        }
        catch (SocketException exception)
        {
            refusal = new ControlMessage.NotBound(request, (int)exception.SocketErrorCode, exception.Message);
            return false;
        }
        catch (ClusterException exception)
        {
            refusal = new ControlMessage.NotBound(request, (int)SocketError.TooManyOpenSockets, exception.Message);
            return false;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or IOException)
        {
            refusal = new ControlMessage.NotBound(request, (int)SocketError.InvalidArgument, exception.Message);
            return false;
        }
    }

    /// <summary>Returns the key of the port that a worker means.</summary>
    private PortKey Find(PortUser user, PortKey asked)
    {
        if (asked.EndPoint is IPEndPoint { Port: 0 })
        {
            while (user.Has(asked))
                asked = asked with { Nth = asked.Nth + 1 };
            return asked;
        }
        if (_byKey.ContainsKey(asked))
            return asked;
        // What a worker got for port 0 can be asked for by its number, too.
        return _byKey.FirstOrDefault(port => asked.IsNumberOf(port.Key, port.Value.EndPoint)).Key ?? asked;
    }

    /// <summary>Closes end points that no worker uses any more where there are too many. They are kept for workers to come, which may have asked for others.</summary>
    /// <exception cref="ClusterException">All of them are in use.</exception>
    private void MakeRoom()
    {
        if (_byKey.Count < MaxPorts)
            return;
        foreach (var (key, port) in _byKey.Where(entry => !_users.Values.Any(user => user.Uses(entry.Value))).ToList())
            Close(port, key);
        if (_byKey.Count >= MaxPorts)
            throw new ClusterException($"The workers use {MaxPorts} end points already, which is the most for a cluster.");
    }
}
