using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>A worker with connections, without a process: both views of its board, and the primary's table.</summary>
internal sealed class FailoverWorker : IConnectionHolder, IDisposable
{
    private readonly SharedMemory _memory;
    private readonly ConnectionFailover _failover;
    private readonly Candidate _candidate;

    public FailoverWorker(ConnectionFailover failover, IOfferOwner port)
    {
        _failover = failover;
        _candidate = new Candidate(null!, port);
        _memory = SharedMemory.Create(ProcessCluster.Protocol.Board.SizeFor(100), out var descriptor);
        Descriptor.Close(descriptor);
        Board = new PrimaryBoard(_memory);
        Own = new WorkerBoard(_memory);
        Connections = new OfferTable(Board.Capacity);
        Options.ConnectionSurvival.Enabled = true;
        failover.Quarantine.Add(Board);
    }

    public int Id => 7;

    public ClusterOptions Options { get; } = new();

    public bool IsAdmitted { get; set; } = true;

    public bool HasCrashed { get; set; }

    public PrimaryBoard Board { get; }

    public WorkerBoard Own { get; }

    public OfferTable Connections { get; }

    public void Dispose() => _memory.Dispose();

    /// <summary>Offers a connection, has the worker take it unless told otherwise, and returns its number.</summary>
    public uint Give(int descriptor, bool isMoved = false, bool isReplayed = false, bool isTaken = true)
    {
        var connection = new PendingConnection(descriptor, default, Deadline: 0, IsMoved: isMoved, IsReplayed: isReplayed);
        Assert.True(Connections.TryReserve(out var number));
        Assert.True(_failover.TryKeep(this));
        Board.Offer(number);
        Connections.Offered(number, _candidate, connection, isKept: true, _failover.CountSent(connection), now: 0);
        if (!isTaken)
            return number;
        Assert.True(Own.TryClaim(number, ClusterConnectionState.Idle));
        Assert.True(Connections.TryFind(number, out var index));
        Connections.Taken(index);
        return number;
    }
}

/// <summary>The kernel's answers, as a test wants them.</summary>
internal sealed class FakeCopies : IConnectionCopies
{
    public long OpenFileLimit { get; set; } = 1024;

    /// <summary>Gets or sets the number of bytes that were sent on each connection; null when the kernel does not say.</summary>
    public long? Sent { get; set; } = 0;

    public List<int> Reclaimed { get; } = [];

    public List<int> Closed { get; } = [];

    public void Reclaim(int descriptor) => Reclaimed.Add(descriptor);

    public bool TryCountSent(int descriptor, out long sent)
    {
        sent = Sent ?? 0;
        return Sent is not null;
    }

    public void Close(int descriptor) => Closed.Add(descriptor);
}

/// <summary>A port that notes which connections come back to it.</summary>
internal sealed class FakePort : IOfferOwner
{
    public int Id => 1;

    public bool KeepsConnections => true;

    public bool HasIdle => false;

    public List<int> TakenOver { get; } = [];

    public List<int> Replayed { get; } = [];

    public List<int> Answered { get; } = [];

    public TimeSpan TimeSinceAccepted(in PendingConnection connection) => TimeSpan.Zero;

    public void TakeOver(int descriptor, in PeerAddress peer, bool isReplayed = false) => (isReplayed ? Replayed : TakenOver).Add(descriptor);

    public void EndWithCrashAnswer(int descriptor) => Answered.Add(descriptor);

    public void Add(Candidate candidate) => throw new NotSupportedException();

    public void Remove(Candidate candidate) => throw new NotSupportedException();

    public void TakeBack(in PendingConnection connection) => throw new NotSupportedException();

    public void RevokedAnswered(Candidate candidate) => throw new NotSupportedException();

    public void Declined(Candidate candidate) => throw new NotSupportedException();

    public void Revoked(Candidate candidate) => throw new NotSupportedException();

    public void RoomAvailable() => throw new NotSupportedException();

    public void ServeWaiting() => throw new NotSupportedException();

    void IOfferOwner.Answered(Candidate candidate) => throw new NotSupportedException();
}
