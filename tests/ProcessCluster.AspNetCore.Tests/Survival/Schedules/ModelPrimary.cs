using Microsoft.Extensions.Logging.Abstractions;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Handoff;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// The primary with its copy of the connection. Its board, its table, its decision and its failover are the product's. It offers the connection to one worker after another, as the
/// hand-off channel does.
/// </summary>
internal sealed class ModelPrimary : IOfferOwner, IConnectionCopies
{
    /// <summary>Stands for the descriptor of the copy. It is no open file.</summary>
    private const int Copy = int.MaxValue;

    private static readonly ClusterMetrics Metrics = new();

    private readonly Schedule _schedule;
    private readonly ConnectionFailover _failover;
    private readonly FailoverDecision _decision;
    private PendingConnection _connection = new(Copy, default, Deadline: 0);

    public ModelPrimary(Schedule schedule)
    {
        _schedule = schedule;
        _failover = new ConnectionFailover(NullLogger.Instance, Metrics, TimeProvider.System, this);
        _decision = new FailoverDecision(this);
    }

    public int Id => 1;

    public bool KeepsConnections => true;

    public bool HasIdle => true;

    public long OpenFileLimit => 1024;

    /// <summary>Offers the connection to the worker. Returns its number on the worker's board.</summary>
    public uint Offer(ModelWorker worker)
    {
        _failover.Quarantine.Add(worker.Board);
        if (!worker.Offers.TryReserve(out var number) || !_failover.TryKeep(worker))
            throw new InvalidOperationException("A worker with nothing takes no offer.");
        worker.Board.Offer(number);
        worker.Offers.Offered(number, new Candidate(null!, this), _connection, isKept: true, _failover.CountSent(_connection), now: 0);
        worker.IsMoved = _connection.IsMoved;
        return number;
    }

    /// <summary>Takes the connection that the worker gives back.</summary>
    public void Returned(ModelWorker worker)
    {
        if (!worker.Board.IsClaimed(worker.Number))
            _schedule.Fail("A worker gives back what it has not taken");
        TakeFrom(worker);
        _connection = new PendingConnection(Copy, default, Deadline: 0, IsMoved: true);
    }

    /// <summary>Decides what becomes of the connection after the end of its worker.</summary>
    public void WorkerEnded(ModelWorker worker)
    {
        _failover.ReadRunningRequests(worker, worker.Offers);
        if (!worker.Offers.TryFind(worker.Number, out var index))
            throw new InvalidOperationException("The worker has no connection.");
        if (!worker.Board.IsClaimed(worker.Number))
        {
            TakeFrom(worker); // It was on its way: another worker gets it as it is.
            return;
        }
        worker.Offers.Taken(index);
        _schedule.Decided(worker, _decision.StateOf(worker.Offers[index], worker.Board));
        if (_schedule.IsBroken)
            return;
        _failover.Recover(worker, worker.Offers);
        if (_failover.Kept != 0)
            _schedule.Fail($"{_failover.Kept} copies are kept of nothing");
    }

    public void TakeBack(in PendingConnection connection) => _connection = connection;

    public void TakeOver(int descriptor, in PeerAddress peer, bool isReplayed = false) =>
        _connection = new PendingConnection(descriptor, peer, Deadline: 0, IsMoved: true, IsReplayed: isReplayed);

    public void EndWithCrashAnswer(int descriptor)
    {
        _schedule.Client.Receive("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8);
        _schedule.End();
    }

    public void Reclaim(int descriptor)
    {
        if (descriptor != Copy)
            _schedule.Fail("Another descriptor is reclaimed");
    }

    public bool TryCountSent(int descriptor, out long sent)
    {
        sent = _schedule.Client.Received;
        return _schedule.KernelCounts;
    }

    public void Close(int descriptor) => _schedule.End();

    public TimeSpan TimeSinceAccepted(in PendingConnection connection) => TimeSpan.Zero;

    public void Add(Candidate candidate) => throw new NotSupportedException();

    public void Remove(Candidate candidate) => throw new NotSupportedException();

    public void Answered(Candidate candidate) => throw new NotSupportedException();

    public void RevokedAnswered(Candidate candidate) => throw new NotSupportedException();

    public void Declined(Candidate candidate) => throw new NotSupportedException();

    public void Revoked(Candidate candidate) => throw new NotSupportedException();

    public void RoomAvailable() => throw new NotSupportedException();

    public void ServeWaiting() => throw new NotSupportedException();

    private void TakeFrom(ModelWorker worker)
    {
        if (worker.Offers.TryFind(worker.Number, out var index))
            worker.Offers.Take(index);
        _failover.Release();
    }
}
