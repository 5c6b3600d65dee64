using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// The ports that workers asked for. Each is bound once and stays bound for as long as the cluster lives, whatever happens to its
/// workers; only when the last live worker that uses it closes it, without leaving, it is closed. Belongs to the cluster's loop.
/// </summary>
internal sealed partial class PortTable : IPortEvents, IAnswerObserver
{
    private readonly EventLoop _loop;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action<WorkerHandle, string> _fault;
    private readonly ClusterMetrics _metrics;

    /// <summary>Changed on the loop only; what waits is counted from anywhere.</summary>
    private readonly ConcurrentDictionary<PortKey, IPort> _byKey = new();
    private readonly Dictionary<int, IPort> _byId = [];
    private readonly Dictionary<WorkerHandle, PortUser> _users = [];
    private readonly SocketSender _delivery = new();
    private int _lastId;

    /// <summary>A table whose clocks are the loop's own timers.</summary>
    public PortTable(EventLoop loop, TimeProvider time, ILogger logger, Action<WorkerHandle, string> fault, ClusterMetrics metrics)
        : this(loop, () => new LoopTimer(loop), time, logger, fault, metrics)
    {
    }

    /// <param name="loop">The cluster's loop.</param>
    /// <param name="newTimer">Makes a timer of the loop.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="fault">Told when a worker says what it cannot mean.</param>
    /// <param name="metrics">The metrics of connections.</param>
    public PortTable(
        EventLoop loop, Func<ILoopTimer> newTimer, TimeProvider time, ILogger logger, Action<WorkerHandle, string> fault, ClusterMetrics metrics)
    {
        _loop = loop;
        _time = time;
        _logger = logger;
        _fault = fault;
        _metrics = metrics;
        _clock = new PausingClock(newTimer(), ClockTick, Tick);
        _holdClock = new PausingClock(newTimer(), HoldTick, ServeHeld);
        Failover = new ConnectionFailover(logger, metrics, time, new ConnectionCopies());
    }

    /// <summary>Gets the failover of connections whose worker is gone.</summary>
    public ConnectionFailover Failover { get; }

    public void Add(WorkerHandle worker) => _users.Add(worker, new PortUser(new HandoffChannel(worker, _loop, this, Failover, _metrics, _time)));

    /// <summary>
    /// The worker's listener is in place: it gets connections, as soon as it is admitted; or its UDP socket is. Null when the port is not there
    /// any more, or the worker is leaving.
    /// </summary>
    public IPort? StartListening(WorkerHandle worker, int portId)
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
        user.GaveAt = _time.GetTimestamp();
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
    public void Returned(WorkerHandle worker, int portId, int descriptor, in PeerAddress peer)
    {
        if (descriptor < 0)
        {
            _logger.MoveExhausted(worker.Id); // The kernel has closed it.
            return;
        }
        if (!_byId.TryGetValue(portId, out var shared) || shared is not HandoffPort port)
        {
            StreamSocket.CloseCopy(descriptor); // The port was closed meanwhile, and with it what waits there.
            return;
        }
        if (!StreamSocket.IsConnection(descriptor, port.Family))
        {
            StreamSocket.CloseCopy(descriptor); // It may linger.
            _fault(worker, "it gave back a descriptor that is no connection of the port.");
            return;
        }
        StreamSocket.Reclaim(descriptor);
        worker.ConnectionsMoved++;
        if (_users.TryGetValue(worker, out var user)) // Else it is gone: what it gave back last is read now.
            user.GaveAt = _time.GetTimestamp();
        _metrics.Moved();
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

    private void Close(IPort port, PortKey key)
    {
        // After the cluster's ports were closed the key may be another one's, which is bound since.
        if (!_byId.Remove(port.Id))
            return;
        _byKey.TryRemove(key, out _);
        port.Dispose();
    }

    public void Fault(WorkerHandle worker, string fault) => _fault(worker, fault);

    public void Exhausted(WorkerHandle worker) => _logger.WorkerExhausted(worker);

    public void Exhausted(IPort port) => _logger.AcceptExhausted(port.EndPoint);

    public void Refused(IPort port) => _metrics.Expired(1);

    public void PolicyFailed(IPort port, Exception exception) => _logger.PolicyFailed(port.EndPoint, exception);

    private void Expired(HandoffPort port, int connections)
    {
        _metrics.Expired(connections);
        _logger.WaitedTooLong(connections, port.EndPoint, port.QueueTimeout);
    }
}
