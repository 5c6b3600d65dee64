using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Platform;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Wire;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// The ports that workers asked for. Each is bound once and stays bound for as long as the cluster lives, whatever happens to its
/// workers; only when the last live worker that uses it closes it, without leaving, it is closed. Belongs to the cluster's loop.
/// </summary>
internal sealed partial class PortTable(
    EventLoop loop, TimeProvider time, ILogger logger, Action<PrimaryWorker, string> fault, ClusterMetrics metrics) : IPortObserver
{
    /// <summary>Changed on the loop only; what waits is counted from anywhere.</summary>
    private readonly ConcurrentDictionary<string, ISharedEndPoint> _byKey = new();
    private readonly Dictionary<int, ISharedEndPoint> _byId = [];
    private readonly Dictionary<PrimaryWorker, Guest> _guests = [];
    private readonly SocketDelivery _delivery = new();
    private int _lastId;

    /// <summary>How many end points the primary holds open for its workers. Those that no worker uses any more are closed first.</summary>
    private const int MaxPorts = 2048;

    /// <summary>What becomes of connections whose worker is gone.</summary>
    public Survival Survival { get; } = new(logger, metrics, time);

    public void Add(PrimaryWorker worker) =>
        _guests.Add(worker, new Guest(new WorkerChannel(worker, loop, fault, logger.WorkerExhausted, TakeOver, Survival, metrics, time)));

    /// <summary>Binds the end point, or finds it bound: the answer to the worker; null when a socket is on its way to it.</summary>
    public ControlMessage? Bind(PrimaryWorker worker, ControlMessage.Listen request)
    {
        var options = request.Options;
        if (options.Exclusive)
            return BindExclusive(worker, request);
        switch (PortRules.ModeOf(worker.Options, request.EndPoint))
        {
            case ListenMode.SharedListener:
                if (!TryUse(worker, request.Request, request.EndPoint, "", out CopiedSocket? copied, out var refusal, id =>
                    CopiedSocket.Of(id, ListeningSocket.Bind(request.EndPoint, options), loop, NeedsClock)))
                {
                    return refusal;
                }
                return Deliver(worker, copied, request.Request);
            case ListenMode.ReusePort:
                return TryUse(worker, request.Request, request.EndPoint, "", out ReusePort? reused, out refusal, id => Hold(id, request.EndPoint, options))
                    ? DeliverOwn(worker, reused, request.Request, options)
                    : refusal;
            default:
                return TryUse(worker, request.Request, request.EndPoint, "", out SharedPort? port, out refusal, id => Share(id, worker, request))
                    ? new ControlMessage.Bound(request.Request, port.Id, port.EndPoint)
                    : refusal;
        }
    }

    /// <summary>Under a key that nobody else has, in whatever mode. Whether the end point is free is the system's to say.</summary>
    private ControlMessage BindExclusive(PrimaryWorker worker, ControlMessage.Listen request)
    {
        if (!TryUse(worker, request.Request, request.EndPoint, $"exclusive {worker.Id} ", out SharedPort? port, out var refusal, id => Share(id, worker, request)))
            return refusal;
        _guests[worker].Own.Add(port);
        return new ControlMessage.Bound(request.Request, port.Id, port.EndPoint);
    }

    /// <summary>As the other, of a UDP socket.</summary>
    public ControlMessage? Bind(PrimaryWorker worker, ControlMessage.BindUdp request)
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
            CopiedSocket.Of(id, DatagramSocket.Bind(request.EndPoint, options, out var bound), bound, loop, NeedsClock)))
        {
            return refusal;
        }
        return Deliver(worker, socket, request.Request);
    }

    private ControlMessage? Deliver(PrimaryWorker worker, ISharedEndPoint port, int request, Descriptor? own = null)
    {
        _delivery.Deliver(_guests[worker].Channel, port, request, own);
        if (_delivery.NeedsClock)
            NeedsClock();
        return null;
    }

    private ControlMessage? DeliverOwn(PrimaryWorker worker, ReusePort port, int request, ClusterListenOptions options)
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

    private SharedPort Share(int id, PrimaryWorker worker, ControlMessage.Listen request)
    {
        var rules = PortRules.For(worker.Options, request.EndPoint, time);
        var socket = ListeningSocket.Bind(request.EndPoint, request.Options);
        try
        {
            return new SharedPort(id, socket, request.Options, loop, rules, time, this);
        }
        catch
        {
            socket.Dispose(); // It cannot be watched.
            throw;
        }
    }

    private ReusePort Hold(int id, EndPoint endPoint, ClusterListenOptions options)
    {
        var port = new ReusePort(id, endPoint, options);
        if (!ReusePort.MigratesQueues)
            logger.QueuesDieWithWorkers(port.EndPoint);
        return port;
    }

    /// <summary>Enters the worker as a user of what it asks for, which is made when nobody has it yet.</summary>
    private bool TryUse<T>(
        PrimaryWorker worker,
        int request,
        EndPoint endPoint,
        string kind,
        [NotNullWhen(true)] out T? shared,
        [NotNullWhen(false)] out ControlMessage? refusal,
        Func<int, T> make)
        where T : class, ISharedEndPoint
    {
        (shared, refusal) = (null, null);
        if (worker.Life.LeaveWanted || !_guests.TryGetValue(worker, out var guest))
        {
            refusal = new ControlMessage.NotBound(request, (int)SocketError.Shutdown, "the worker is leaving");
            return false;
        }
        if (guest.Count >= Board.MaxPorts)
        {
            if (++guest.Refused > Board.MaxPorts)
                fault(worker, $"it asks for end points again and again, though it has the {Board.MaxPorts} that a worker can have.");
            refusal = new ControlMessage.NotBound(
                request, (int)SocketError.TooManyOpenSockets, $"this worker uses {Board.MaxPorts} end points already, which is the most; close one first");
            return false;
        }
        var name = $"{kind}{endPoint}";
        // Port 0 asked for twice means two ports; the n-th one of each worker is the same.
        var nth = 0;
        while (endPoint is IPEndPoint { Port: 0 } && guest.Has($"{name} {nth}"))
            nth++;
        var key = $"{name} {nth}";
        // What a worker got for port 0 can be asked for by its number, too.
        if (endPoint is IPEndPoint { Port: not 0 } numbered && !_byKey.ContainsKey(key))
        {
            var unnumbered = $"{kind}{new IPEndPoint(numbered.Address, 0)} ";
            key = _byKey.FirstOrDefault(port => port.Key.StartsWith(unnumbered, StringComparison.Ordinal) && port.Value.EndPoint.Equals(numbered)).Key ?? key;
        }
        if (guest.Has(key))
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
            guest.Use(shared, key);
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
        foreach (var (key, port) in _byKey.Where(entry => !_guests.Values.Any(guest => guest.Uses(entry.Value))).ToList())
            Close(port, key);
        if (_byKey.Count >= MaxPorts)
            throw new ClusterException($"The workers use {MaxPorts} end points already, which is the most for a cluster.");
    }

    /// <summary>
    /// The worker's listener is in place: it gets connections, as soon as it is admitted; or its UDP socket is. Null when the port is not there
    /// any more, or the worker is leaving.
    /// </summary>
    public ISharedEndPoint? Seat(PrimaryWorker worker, int portId)
    {
        if (worker.Life.LeaveWanted
            || !_guests.TryGetValue(worker, out var guest)
            || guest.IsDone
            || !_byId.TryGetValue(portId, out var port)
            || !guest.Uses(port))
        {
            return null;
        }
        if (port is SharedPort connections)
        {
            if (guest.Listens.Contains(connections))
                return null;
            guest.Listens.Add(connections);
            if (guest.IsAdmitted)
                guest.Channel.Sit(connections);
        }
        return port;
    }

    /// <summary>The worker gets connections of all ports that it listens on, from now on.</summary>
    public void Admit(PrimaryWorker worker)
    {
        if (!_guests.TryGetValue(worker, out var guest) || guest.IsAdmitted || guest.IsDone)
            return;
        guest.IsAdmitted = true;
        foreach (var port in guest.Listens)
            guest.Channel.Sit(port);
    }

    /// <summary>Whether another worker can serve the connections of this one, which leaves.</summary>
    public bool CanMoveFrom(PrimaryWorker worker) =>
        worker.Options.MoveConnections
        && _guests.TryGetValue(worker, out var leaving)
        && _guests.Values.Any(other => other != leaving && other is { IsAdmitted: true, IsDone: false } && other.Listens.Exists(leaving.Uses));

    /// <summary>How many connections wait for a worker. May be called on any thread.</summary>
    public int Waiting => _byKey.Values.OfType<SharedPort>().Sum(static port => port.Waiting);

    /// <summary>The worker has closed its listener or its UDP socket.</summary>
    public void CloseListener(PrimaryWorker worker, int portId)
    {
        if (!_guests.TryGetValue(worker, out var guest) || !_byId.TryGetValue(portId, out var port) || !guest.TryEndUse(port, out var key))
            return;
        if (port is SharedPort connections)
        {
            guest.Listens.Remove(connections);
            guest.Own.Remove(connections);
            guest.Channel.Leave(connections);
        }
        else
        {
            _delivery.Forget(guest.Channel, port);
        }
        if (worker.Life.LeaveWanted || _guests.Values.Any(g => g.Uses(port)))
            return;
        Close(port, key);
    }

    public void StopOffering(PrimaryWorker worker)
    {
        if (!_guests.TryGetValue(worker, out var guest))
            return;
        (guest.IsDone, guest.GaveAt) = (true, time.GetTimestamp());
        guest.Channel.LeaveAll();
        CloseOwn(guest);
    }

    /// <summary>The worker is gone.</summary>
    public void Remove(PrimaryWorker worker)
    {
        if (!_guests.Remove(worker, out var guest))
            return;
        _delivery.Forget(guest.Channel);
        guest.Channel.Close();
        CloseOwn(guest);
    }

    /// <summary>The worker has served the connection until now; another one does from now on.</summary>
    private void TakeOver(PrimaryWorker worker, int portId, int descriptor, in PeerAddress peer)
    {
        if (descriptor < 0)
        {
            logger.MoveExhausted(worker.Id); // The kernel has closed it.
            return;
        }
        if (!_byId.TryGetValue(portId, out var shared) || shared is not SharedPort port)
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
        if (_guests.TryGetValue(worker, out var guest)) // Else it is gone: what it gave back last is read now.
            guest.GaveAt = time.GetTimestamp();
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
    private void CloseOwn(Guest guest)
    {
        foreach (var port in guest.Own)
        {
            guest.Listens.Remove(port);
            if (guest.TryEndUse(port, out var key))
                Close(port, key);
        }
        guest.Own.Clear();
    }

    private void Close(ISharedEndPoint port, string key)
    {
        // After the cluster's ports were closed the key may be another one's, which is bound since.
        if (!_byId.Remove(port.Id))
            return;
        _byKey.TryRemove(key, out _);
        port.Dispose();
    }

    public void Exhausted(ISharedEndPoint port) => logger.AcceptExhausted(port.EndPoint);

    public void Refused(ISharedEndPoint port) => metrics.Expired(1);

    public void PolicyFailed(ISharedEndPoint port, Exception exception) => logger.PolicyFailed(port.EndPoint, exception);

    private void Expired(SharedPort port, int connections)
    {
        metrics.Expired(connections);
        logger.WaitedTooLong(connections, port.EndPoint, port.MaxWait);
    }
}
