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
internal sealed class PortTable(EventLoop loop, TimeProvider time, ILogger logger, Action<PrimaryWorker, string> fault) : IPortObserver
{
    private static readonly TimeSpan ClockTick = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, SharedPort> _byKey = [];
    private readonly Dictionary<int, SharedPort> _byId = [];
    private readonly Dictionary<PrimaryWorker, Guest> _guests = [];
    private ITimer? _clock;
    private int _lastId;

    /// <summary>A worker with the ports that it uses, each with the key that it asked for.</summary>
    private sealed record Guest(WorkerChannel Channel, Dictionary<SharedPort, string> Uses)
    {
        /// <summary>The ports whose listener is in place in the worker.</summary>
        public List<SharedPort> Listens { get; } = [];

        /// <summary>Whether it gets connections.</summary>
        public bool IsAdmitted { get; set; }

        /// <summary>Whether it never gets any again.</summary>
        public bool IsDone { get; set; }
    }

    public void Add(PrimaryWorker worker) => _guests.Add(worker, new Guest(new WorkerChannel(worker, loop, fault), []));

    /// <summary>Binds the end point, or finds it bound: the answer to the worker.</summary>
    public ControlMessage Bind(PrimaryWorker worker, ControlMessage.Listen request)
    {
        if (worker.Life.LeaveWanted || !_guests.TryGetValue(worker, out var guest))
            return new ControlMessage.NotBound(request.Request, (int)SocketError.Shutdown, "the worker is leaving");

        var name = request.EndPoint.ToString()!;
        // Port 0 asked for twice means two ports; the n-th one of each worker is the same.
        var nth = request.EndPoint is IPEndPoint { Port: 0 }
            ? Enumerable.Range(0, int.MaxValue).First(n => !guest.Uses.ContainsValue($"{name} {n}"))
            : 0;
        var key = $"{name} {nth}";
        if (guest.Uses.ContainsValue(key))
            return new ControlMessage.NotBound(request.Request, (int)SocketError.AddressAlreadyInUse, $"this worker listens on {name} already");
        try
        {
            if (!_byKey.TryGetValue(key, out var port))
            {
                var options = new ClusterListenOptions { Backlog = request.Backlog, NoDelay = request.NoDelay, DualMode = request.DualMode };
                port = new SharedPort(++_lastId, ListeningSocket.Bind(request.EndPoint, options), loop, worker.Options, time, this);
                _byKey.Add(key, port);
                _byId.Add(port.Id, port);
            }
            guest.Uses.Add(port, key);
            return new ControlMessage.Bound(request.Request, port.Id, port.EndPoint);
        }
        catch (SocketException exception)
        {
            return new ControlMessage.NotBound(request.Request, (int)exception.SocketErrorCode, exception.Message);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or IOException)
        {
            return new ControlMessage.NotBound(request.Request, (int)SocketError.InvalidArgument, exception.Message);
        }
    }

    /// <summary>
    /// The worker's listener is in place: it gets connections, as soon as it is admitted. Null when the port is not there any more, or the
    /// worker is leaving.
    /// </summary>
    public EndPoint? Seat(PrimaryWorker worker, int portId)
    {
        if (worker.Life.LeaveWanted
            || !_guests.TryGetValue(worker, out var guest)
            || guest.IsDone
            || !_byId.TryGetValue(portId, out var port)
            || !guest.Uses.ContainsKey(port)
            || guest.Listens.Contains(port))
        {
            return null;
        }
        guest.Listens.Add(port);
        if (guest.IsAdmitted)
            guest.Channel.Sit(port);
        return port.EndPoint;
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

    /// <summary>How many connections wait for a worker.</summary>
    public int Waiting => _byKey.Values.Sum(static port => port.Waiting);

    /// <summary>The worker has closed its listener.</summary>
    public void CloseListener(PrimaryWorker worker, int portId)
    {
        if (!_guests.TryGetValue(worker, out var guest) || !_byId.TryGetValue(portId, out var port) || !guest.Uses.Remove(port, out var key))
            return;
        guest.Listens.Remove(port);
        guest.Channel.Leave(port);
        if (worker.Life.LeaveWanted || _guests.Values.Any(g => g.Uses.ContainsKey(port)))
            return;
        _byKey.Remove(key);
        _byId.Remove(portId);
        port.Dispose();
    }

    public void StopOffering(PrimaryWorker worker)
    {
        if (!_guests.TryGetValue(worker, out var guest))
            return;
        guest.IsDone = true;
        guest.Channel.LeaveAll();
    }

    /// <summary>The worker is gone.</summary>
    public void Remove(PrimaryWorker worker)
    {
        if (_guests.Remove(worker, out var guest))
            guest.Channel.Close();
    }

    /// <summary>Closes everything: the cluster has ended.</summary>
    public void Clear()
    {
        foreach (var port in _byKey.Values)
            port.Dispose();
        _byKey.Clear();
        _byId.Clear();
    }

    public void Exhausted(SharedPort port) => logger.AcceptExhausted(port.EndPoint);

    public void NeedsClock() =>
        _clock ??= time.CreateTimer(_ => loop.Post(Tick), null, ClockTick, ClockTick);

    private void Tick()
    {
        var needed = false;
        var now = time.GetTimestamp();
        foreach (var port in _byKey.Values)
        {
            if (port.CloseOverdue(now) is > 0 and var closed)
                logger.WaitedTooLong(closed, port.EndPoint, port.MaxWait);
            needed |= port.NeedsClock;
        }
        if (needed)
            return;
        _clock?.Dispose();
        _clock = null;
    }
}
