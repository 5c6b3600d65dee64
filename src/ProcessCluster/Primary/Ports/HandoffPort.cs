using System.Net;
using System.Net.Sockets;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Handoff;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// An end point that workers share: the listening socket, the workers that take its connections, and the connections that wait for
/// one. Belongs to the cluster's loop. Accepting and offering allocate nothing.
/// </summary>
internal sealed class HandoffPort : EventLoop.Watch, IPort, IOfferOwner
{
    /// <summary>The number of connections that are accepted before the loop looks at other things again.</summary>
    private const int AcceptBurst = 64;

    /// <summary>Connections that may not wait for as long are not held for a worker that is behind the others.</summary>
    private static readonly TimeSpan HoldableWait = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly ListeningSocket _socket;
    private readonly IPortEvents _observer;
    private readonly DispatchRules _rules;
    private readonly long _queueTimeout;
    private readonly bool _hasTime;
    private readonly TimeProvider _time;
    private readonly CandidateSet _candidates;
    private readonly ConnectionQueue _waiting = new();
    private readonly AffinityQueues _affinity = new();
    private readonly RejectedConnections _refusals;
    private readonly ReadOnlyMemory<byte> _crashAnswer;
    private readonly FirstBytePeeker? _peeker;
    private readonly ConnectionRebalancer? _rebalancing;
    private readonly Lack _lack;
    private bool _hasNewCandidate;
    private bool _paused;
    private bool _disposed;

    public HandoffPort(int id, ListeningSocket socket, ClusterListenOptions options, EventLoop loop, DispatchRules rules, TimeProvider time, IPortEvents observer)
    {
        Id = id;
        _socket = socket;
        _loop = loop;
        _time = time;
        _observer = observer;
        _rules = rules;
        _candidates = rules.Candidates;
        _lack = new Lack(time);
        _hasTime = rules.QueueTimeout >= HoldableWait;
        _queueTimeout = (long)(rules.QueueTimeout.TotalSeconds * time.TimestampFrequency);
        _refusals = new RejectedConnections(rules.WhenFull, time);
        KeepsConnections = options is { ReportsState: true, Exclusive: false };
        _crashAnswer = options.CrashAnswer;
        _rebalancing = rules.Rebalances ? new ConnectionRebalancer() : null;
        if (rules.HasProxyHeader || rules.PeekBytes > 0)
            _peeker = new FirstBytePeeker(loop, rules, time, connection => Enter(connection), (connection, exception) => Lose(connection, exception));
        loop.Add(this, socket.Number, EpollEvents.Readable);
    }

    public int Id { get; }

    /// <summary>Gets whether its workers report the state of connections, so that these can outlive them.</summary>
    public bool KeepsConnections { get; }

    public EndPoint EndPoint => _socket.EndPoint;

    public SocketType SocketType => SocketType.Stream;

    /// <summary>Of its connections.</summary>
    public AddressFamily Family => _socket.Family;

    public TimeSpan QueueTimeout => _rules.QueueTimeout;

    /// <summary>Gets the number of connections that wait for a worker. May be read on any thread.</summary>
    public int Waiting => _waiting.Count + _affinity.Count;

    public bool WaitsForTime => Waiting > 0 || _paused || _hasNewCandidate || _candidates.HasStalls || _peeker is { Count: > 0 } || _refusals.WaitsForTime;

    /// <summary>Gets whether a worker has nothing to answer, so that it could serve what another one does not answer.</summary>
    public bool HasIdle => _candidates.HasIdle;

    public bool IsHolding => _candidates.IsHolding && _waiting.Count > 0;

    /// <summary>Returns the time since a connection of this port was accepted.</summary>
    public TimeSpan TimeSinceAccepted(in PendingConnection connection) => _time.GetElapsedTime(connection.Deadline - _queueTimeout);

    public override void OnReady(EpollEvents events)
    {
        for (var i = 0; i < AcceptBurst && !_paused; i++)
        {
            switch (_socket.TryAccept(out var descriptor, out var peer))
            {
                case AcceptResult.Accepted:
                    Place(Accepted(descriptor, peer));
                    if (OpenFiles.IsReserved(descriptor))
                        goto case AcceptResult.Exhausted;
                    break;
                case AcceptResult.None:
                    return;
                case AcceptResult.Exhausted:
                    // The kernel would report the same connection again at once: look away until a descriptor may be free.
                    Pause();
                    if (_lack.Begins())
                        _observer.Exhausted(this);
                    return;
                case AcceptResult.Gone:
                    break;
            }
        }
    }

    /// <summary>Gives the worker connections from now on.</summary>
    public void Add(Candidate candidate)
    {
        _candidates.Add(candidate);
        _rebalancing?.Add(candidate);
        _hasNewCandidate = _rebalancing is not null; // It may have fewer than the others.
        ServeWaiting();
    }

    /// <summary>Gives the worker none any more. What was offered to it stays with it until it answers or is gone.</summary>
    public void Remove(Candidate candidate)
    {
        _candidates.Remove(candidate);
        _rebalancing?.Remove(candidate);
        _affinity.Dissolve(candidate, _waiting);
        ServeWaiting();
    }

    /// <summary>The worker has answered an offer: it can take another.</summary>
    public void Answered(Candidate candidate)
    {
        _candidates.Answered(candidate);
        Serve(candidate);
    }

    /// <summary>The worker has answered one that was given to another meanwhile.</summary>
    public void RevokedAnswered(Candidate candidate)
    {
        _candidates.RevokedAnswered(candidate);
        Serve(candidate);
    }

    /// <summary>The worker wants no connection for now.</summary>
    public void Declined(Candidate candidate)
    {
        _candidates.Answered(candidate);
        _candidates.SetAside(candidate);
    }

    /// <summary>An offer was taken back that the worker did not answer in time.</summary>
    public void Revoked(Candidate candidate)
    {
        _candidates.Revoked(candidate);
        _affinity.Dissolve(candidate, _waiting);
    }

    /// <summary>A worker has room again.</summary>
    public void RoomAvailable()
    {
        _candidates.EndStalls();
        ServeAll();
    }

    /// <summary>Takes back a connection that a worker did not accept: it is served before all that came later.</summary>
    public void TakeBack(in PendingConnection connection)
    {
        StreamSocket.Reclaim(connection.Descriptor); // The worker has a copy of it.
        if (_disposed)
        {
            StreamSocket.CloseCopy(connection.Descriptor);
            return;
        }
        _waiting.PushFront(connection);
    }

    /// <summary>
    /// One that a worker gives back, or has left behind, for another. It was a client's before those that wait now: it is served behind them, and is not refused.
    /// </summary>
    public void TakeOver(int descriptor, in PeerAddress peer, bool isReplayed = false)
    {
        var connection = Accepted(descriptor, peer) with { IsMoved = true, IsReplayed = isReplayed };
        if (_disposed)
            StreamSocket.CloseCopy(descriptor);
        else if (_rules.PeekBytes > 0)
            Place(connection);
        else
            Enter(connection);
    }

    /// <summary>Ends a connection whose worker is gone and whose client waits for an answer.</summary>
    public void EndWithCrashAnswer(int descriptor)
    {
        if (_disposed || _crashAnswer.IsEmpty)
            StreamSocket.CloseCopy(descriptor);
        else
            _refusals.Answer(descriptor, _crashAnswer.Span);
    }

    public void ServeWaiting()
    {
        while (_waiting.Count > 0)
        {
            var connection = _waiting.Pop();
            if (TryPlace(connection))
                continue;
            _waiting.PushFront(connection);
            break;
        }
        ResumeIfPossible();
    }

    /// <summary>Ends the waiting whose time is over, and tries again what could not be done for want of descriptors or buffers.</summary>
    public int EndOverdue(long now)
    {
        var ended = 0;
        for (; _waiting.TryPopOverdue(now, out var connection) || _affinity.TryPopOverdue(now, out connection); ended++)
            Refuse(connection);
        _peeker?.Tick(now);
        _refusals.Tick();
        _hasNewCandidate = false;
        RoomAvailable();
        return ended;
    }

    /// <summary>Has its workers even out their kept connections. True when that shall be looked at again at the next tick.</summary>
    public bool Rebalance(TimeSpan now) => _rebalancing?.Rebalance(now) ?? false;

    public void Dispose()
    {
        // Clients whose connection the kernel has made already are served like those that came before them, unless their PROXY headers are to be waited for.
        while (!_paused && !_rules.HasProxyHeader && Waiting == 0 && _socket.TryAccept(out var descriptor, out var peer) is AcceptResult.Accepted)
            Enter(Accepted(descriptor, peer));
        _disposed = true;
        _loop.Remove(this, _socket.Number);
        _socket.Dispose();
        _peeker?.Clear();
        _refusals.Clear();
        _affinity.Close();
        _waiting.Close();
    }

    private PendingConnection Accepted(int descriptor, in PeerAddress peer) => new(descriptor, peer, _time.GetTimestamp() + _queueTimeout);

    private void Place(in PendingConnection connection)
    {
        if (_peeker is null)
        {
            Enter(connection);
            return;
        }
        _peeker.Begin(connection);
    }

    /// <summary>Gives it to a worker, or has it wait: behind those that wait already.</summary>
    private void Enter(in PendingConnection connection)
    {
        if ((_waiting.Count == 0 || _rules.Policy is not null) && TryPlace(connection))
            return;
        if (_rules.WhenFull != WhenFull.Pause && Waiting >= _rules.MaxWaiting && !connection.IsMoved)
        {
            _refusals.Refuse(connection.Descriptor);
            _observer.Refused(this);
            return;
        }
        _waiting.PushBack(connection);
        PauseIfFull();
    }

    /// <summary>Has it offered to a worker or wait for a certain one; false when it must wait for any.</summary>
    private bool TryPlace(in PendingConnection connection)
    {
        while (true)
        {
            if (!TryTake(connection, out var candidate, out var isLost))
            {
                if (isLost)
                    return true;
                if (candidate is null || (_rules.WhenFull != WhenFull.Pause && Waiting >= _rules.MaxWaiting))
                    return false;
                WaitFor(candidate, connection);
                return true;
            }
            if (candidate!.Channel.TryOffer(candidate, connection))
            {
                return true;
            }
            // Its socket takes nothing now: too many descriptors under way, or it is dying, which is seen elsewhere.
            _candidates.Stall(candidate);
        }
    }

    private bool TryTake(in PendingConnection connection, out Candidate? candidate, out bool isLost)
    {
        isLost = false;
        _candidates.MayHold = _hasTime && (_rules.WhenFull == WhenFull.Pause || Waiting < _rules.MaxWaiting);
        try
        {
            return connection.IsMoved && _rules.IsEven ? _candidates.TryTakeEmptiest(out candidate) : _candidates.TryTake(connection, out candidate);
        }
        catch (Exception exception) when (_rules.Policy is not null)
        {
            Lose(connection, exception);
            candidate = null;
            isLost = true;
            return false;
        }
    }

    /// <summary>The program's own policy has thrown: its fault costs this connection, not the cluster.</summary>
    private void Lose(in PendingConnection connection, Exception exception)
    {
        _observer.PolicyFailed(this, exception);
        StreamSocket.CloseCopy(connection.Descriptor);
    }

    private void WaitFor(Candidate candidate, in PendingConnection connection)
    {
        _affinity.Add(candidate, connection);
        PauseIfFull();
    }

    private void Serve(Candidate candidate)
    {
        if (candidate.HasQueue)
            ServeQueue(candidate);
        ServeWaiting();
    }

    private void ServeAll()
    {
        for (var i = _affinity.Candidates.Count - 1; i >= 0; i--)
            ServeQueue(_affinity.Candidates[i]);
        ServeWaiting();
    }

    private void ServeQueue(Candidate candidate)
    {
        while (candidate.HasQueue && _candidates.TryTake(candidate))
        {
            if (candidate.Channel.TryOffer(candidate, candidate.Queue.Peek()))
            {
                _affinity.Pop(candidate);
                continue;
            }
            _candidates.Stall(candidate);
            break;
        }
    }

    private void Refuse(in PendingConnection connection)
    {
        if (connection.IsReplayed)
            EndWithCrashAnswer(connection.Descriptor);
        else if (connection.IsMoved)
            StreamSocket.CloseCopy(connection.Descriptor); // It has asked for nothing that could be answered.
        else
            _refusals.Refuse(connection.Descriptor);
    }

    private void PauseIfFull()
    {
        if (_rules.WhenFull == WhenFull.Pause && Waiting >= _rules.MaxWaiting)
            Pause();
    }

    private void Pause()
    {
        if (_paused)
            return;
        _paused = true;
        _loop.Change(this, _socket.Number, EpollEvents.None);
    }

    private void ResumeIfPossible()
    {
        if (!_paused || _disposed || Waiting >= _rules.MaxWaiting)
            return;
        _paused = false;
        _loop.Change(this, _socket.Number, EpollEvents.Readable);
    }
}
