using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// The ports that workers asked for. Each is bound once and stays bound for as long as the cluster lives, whatever happens to its
/// workers; only when the last live worker that uses it closes it, without leaving, it is closed. Belongs to the cluster's loop.
/// </summary>
internal sealed partial class PortTable(
    EventLoop loop, TimeProvider time, ILogger logger, Action<WorkerHandle, string> fault, ClusterMetrics metrics) : IPortEvents
{
    /// <summary>Changed on the loop only; what waits is counted from anywhere.</summary>
    private readonly ConcurrentDictionary<string, IPort> _byKey = new();
    private readonly Dictionary<int, IPort> _byId = [];
    private readonly Dictionary<WorkerHandle, PortUser> _users = [];
    private readonly SocketSender _delivery = new();
    private int _lastId;

    /// <summary>The number of end points that the primary holds open for its workers. Those that no worker uses any more are closed first.</summary>
    private const int MaxPorts = 2048;

    /// <summary>Gets the failover of connections whose worker is gone.</summary>
    public ConnectionFailover Failover { get; } = new(logger, metrics, time, new ConnectionCopies());

    public void Add(WorkerHandle worker) =>
        _users.Add(worker, new PortUser(new HandoffChannel(worker, loop, fault, logger.WorkerExhausted, TakeOver, Failover, metrics, time)));

    /// <summary>Binds the end point, or finds it bound: the answer to the worker; null when a socket is on its way to it.</summary>
    public ControlMessage? Bind(WorkerHandle worker, ControlMessage.Listen request)
    {
        var options = request.Options;
        if (options.Exclusive)
            return BindExclusive(worker, request);
        switch (DispatchRules.ModeOf(worker.Options, request.EndPoint))
        {
            case ListenMode.SharedListener:
                if (!TryUse(worker, request.Request, request.EndPoint, "", out SharedSocket? copied, out var refusal, id =>
                    SharedSocket.Of(id, ListeningSocket.Bind(request.EndPoint, options), loop)))
                {
                    return refusal;
                }
                return Deliver(worker, copied, request.Request);
            case ListenMode.ReusePort:
                return TryUse(worker, request.Request, request.EndPoint, "", out ReusePortGroup? reused, out refusal, id => Hold(id, request.EndPoint, options))
                    ? DeliverOwn(worker, reused, request.Request, options)
                    : refusal;
            default:
                return TryUse(worker, request.Request, request.EndPoint, "", out HandoffPort? port, out refusal, id => Share(id, worker, request))
                    ? new ControlMessage.Bound(request.Request, port.Id, port.EndPoint)
                    : refusal;
        }
    }

    /// <summary>Under a key that nobody else has, in whatever mode. Whether the end point is free is the system's to say.</summary>
    private ControlMessage BindExclusive(WorkerHandle worker, ControlMessage.Listen request)
    {
        if (!TryUse(worker, request.Request, request.EndPoint, $"exclusive {worker.Id} ", out HandoffPort? port, out var refusal, id => Share(id, worker, request)))
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
        var kind = isDual ? "UDP, dual mode " : "UDP ";
        if (!TryUse(worker, request.Request, request.EndPoint, kind, out var socket, out var refusal, id =>
            SharedSocket.Of(id, DatagramSocket.Bind(request.EndPoint, options, out var bound), bound, loop)))
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
        var rules = DispatchRules.For(worker.Options, request.EndPoint, time);
        var socket = ListeningSocket.Bind(request.EndPoint, request.Options);
        try
        {
            return new HandoffPort(id, socket, request.Options, loop, rules, time, this);
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
            logger.QueuesDieWithWorkers(port.EndPoint);
        return port;
    }

    /// <summary>Enters the worker as a user of what it asks for, which is made when nobody has it yet.</summary>
    private bool TryUse<T>(
        WorkerHandle worker,
        int request,
        EndPoint endPoint,
        string kind,
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
                fault(worker, $"it asks for end points again and again, though it has the {Board.MaxPorts} that a worker can have.");
            refusal = new ControlMessage.NotBound(
                request, (int)SocketError.TooManyOpenSockets, $"this worker uses {Board.MaxPorts} end points already, which is the most; close one first");
            return false;
        }
        var name = $"{kind}{endPoint}";
        // Port 0 asked for twice means two ports; the n-th one of each worker is the same.
        var nth = 0;
        while (endPoint is IPEndPoint { Port: 0 } && user.Has($"{name} {nth}"))
            nth++;
        var key = $"{name} {nth}";
        // What a worker got for port 0 can be asked for by its number, too.
        if (endPoint is IPEndPoint { Port: not 0 } numbered && !_byKey.ContainsKey(key))
        {
            var unnumbered = $"{kind}{new IPEndPoint(numbered.Address, 0)} ";
            key = _byKey.FirstOrDefault(port => port.Key.StartsWith(unnumbered, StringComparison.Ordinal) && port.Value.EndPoint.Equals(numbered)).Key ?? key;
        }
        if (user.Has(key))
        {
            refusal = new ControlMessage.NotBound(request, (int)SocketError.AddressAlreadyInUse, $"this worker listens on {endPoint} already");
            return false;
        }
        try
        {
            if (_byKey.TryGetValue(key, out var found))
            {
                shared = found as T ?? throw new NotSupportedException($"{name} is bound already, in another mode (ProcessCluster:Mode)");
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

    /// <summary>
    /// The worker's listener is in place: it gets connections, as soon as it is admitted; or its UDP socket is. Null when the port is not there
    /// any more, or the worker is leaving.
    /// </summary>
    public IPort? Candidate(WorkerHandle worker, int portId)
    {
        if (worker.Life.LeaveWanted
            || !_users.TryGetValue(worker, out var user)
            || user.IsDone
            || !_byId.TryGetValue(portId, out var port)
            || !user.Uses(port))
        {
            return null;
        }
        if (port is HandoffPort connections)
        {
            if (user.Listens.Contains(connections))
                return null;
            user.Listens.Add(connections);
            if (user.IsAdmitted)
                user.Channel.AddPort(connections);
        }
        return port;
    }

    /// <summary>The worker gets connections of all ports that it listens on, from now on.</summary>
    public void Admit(WorkerHandle worker)
    {
        if (!_users.TryGetValue(worker, out var user) || user.IsAdmitted || user.IsDone)
            return;
        user.IsAdmitted = true;
        foreach (var port in user.Listens)
            user.Channel.AddPort(port);
    }

    /// <summary>Returns whether another worker can serve the connections of this one, which leaves.</summary>
    public bool CanMoveFrom(WorkerHandle worker) =>
        worker.Options.MoveConnections
        && _users.TryGetValue(worker, out var leaving)
        && _users.Values.Any(other => other != leaving && other is { IsAdmitted: true, IsDone: false } && other.Listens.Exists(leaving.Uses));

    /// <summary>Gets the number of connections that wait for a worker. May be called on any thread.</summary>
    public int Waiting => _byKey.Values.OfType<HandoffPort>().Sum(static port => port.Waiting);

    /// <summary>The worker has closed its listener or its UDP socket.</summary>
    public void CloseListener(WorkerHandle worker, int portId)
    {
        if (!_users.TryGetValue(worker, out var user) || !_byId.TryGetValue(portId, out var port) || !user.TryEndUse(port, out var key))
            return;
        if (port is HandoffPort connections)
        {
            user.Listens.Remove(connections);
            user.Own.Remove(connections);
            user.Channel.RemovePort(connections);
        }
        else
        {
            _delivery.Forget(user.Channel, port);
        }
        if (worker.Life.LeaveWanted || _users.Values.Any(g => g.Uses(port)))
            return;
        Close(port, key);
    }

    public void StopOffering(WorkerHandle worker)
    {
        if (!_users.TryGetValue(worker, out var user))
            return;
        user.IsDone = true;
        user.GaveAt = time.GetTimestamp();
        user.Channel.RemoveAllPorts();
        CloseOwn(user);
    }

    /// <summary>The worker is gone.</summary>
    public void Remove(WorkerHandle worker)
    {
        if (!_users.Remove(worker, out var user))
            return;
        _delivery.Forget(user.Channel);
        user.Channel.Close();
        CloseOwn(user);
    }

    /// <summary>The worker has served the connection until now; another one does from now on.</summary>
    private void TakeOver(WorkerHandle worker, int portId, int descriptor, in PeerAddress peer)
    {
        if (descriptor < 0)
        {
            logger.MoveExhausted(worker.Id); // The kernel has closed it.
            return;
        }
        if (!_byId.TryGetValue(portId, out var shared) || shared is not HandoffPort port)
        {
            StreamSocket.CloseCopy(descriptor); // The port was closed meanwhile, and with it what waits there.
            return;
        }
        if (!StreamSocket.IsConnection(descriptor, port.Family))
        {
            Descriptor.Close(descriptor);
            fault(worker, "it gave back a descriptor that is no connection of the port.");
            return;
        }
        StreamSocket.Reclaim(descriptor);
        worker.ConnectionsMoved++;
        if (_users.TryGetValue(worker, out var user)) // Else it is gone: what it gave back last is read now.
            user.GaveAt = time.GetTimestamp();
        metrics.Moved();
        port.TakeOver(descriptor, peer);
    }

    /// <summary>Closes everything: the cluster has ended.</summary>
    public void Clear()
    {
        _delivery.RefuseAll();
        foreach (var port in _byKey.Values)
            port.Dispose();
        _byKey.Clear();
        _byId.Clear();
    }

    /// <summary>Nobody else may serve what comes there.</summary>
    private void CloseOwn(PortUser user)
    {
        foreach (var port in user.Own)
        {
            user.Listens.Remove(port);
            if (user.TryEndUse(port, out var key))
                Close(port, key);
        }
        user.Own.Clear();
    }

    private void Close(IPort port, string key)
    {
        // After the cluster's ports were closed the key may be another one's, which is bound since.
        if (!_byId.Remove(port.Id))
            return;
        _byKey.TryRemove(key, out _);
        port.Dispose();
    }

    public void Exhausted(IPort port) => logger.AcceptExhausted(port.EndPoint);

    public void Refused(IPort port) => metrics.Expired(1);

    public void PolicyFailed(IPort port, Exception exception) => logger.PolicyFailed(port.EndPoint, exception);

    private void Expired(HandoffPort port, int connections)
    {
        metrics.Expired(connections);
        logger.WaitedTooLong(connections, port.EndPoint, port.QueueTimeout);
    }
}
