using ProcessCluster.Linux.Processes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>One worker's place at one port.</summary>
internal sealed class Candidate(IOfferSink channel, IOfferOwner port) : IRebalancedWorker
{
    /// <summary>The number of connections that may be on their way to one worker. More than one hides the way to and fro under load.</summary>
    public const int MaxOffers = 8;

    private ConnectionQueue? _queue;

    public IOfferSink Channel { get; } = channel;

    public IOfferOwner Port { get; } = port;

    /// <summary>Gets the board that it shares with the worker.</summary>
    public PrimaryBoard? Board { get; init; } = channel?.Worker.Board;

    /// <summary>Offers that the worker has not answered yet.</summary>
    public int Outstanding { get; set; }

    /// <summary>Gets or sets the number of these that others have got, because it did not answer in time. Until it does, it gets none.</summary>
    public int Revoked { get; set; }

    /// <summary>Gets or sets whether it is out of turn for a moment: its socket took nothing, it has as many connections as it may have, or it wants none.</summary>
    public bool IsAside { get; set; }

    public bool IsRemoved { get; set; }

    /// <summary>The number of turns that it has had, counted from the last of the workers that the others wait for (<see cref="RoundRobinSet"/>).</summary>
    public long Turn { get; set; }

    /// <summary>Gets or sets whether the others wait for it when they are ahead of it.</summary>
    public bool IsAwaited { get; set; }

    /// <summary>Gets or sets whether the others have waited for it in vain. Until it answers, they do not wait again.</summary>
    public bool IsSlow { get; set; }

    /// <summary>Since when it has answered none of its offers (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long SilentSince { get; set; }

    /// <summary>Gets whether the worker has work or waits for a processor, as far as the system says.</summary>
    public bool CanRun => Channel is null || ProcessStatus.CanRun(Channel.Worker.ProcessId);

    /// <summary>Gets whether it may be offered a connection.</summary>
    public bool IsInTurn => !IsRemoved && !IsAside && Revoked == 0 && Outstanding < MaxOffers;

    /// <summary>Connections that wait for this worker and no other.</summary>
    public ConnectionQueue Queue => _queue ??= new ConnectionQueue();

    public bool HasQueue => _queue is { Count: > 0 };

    /// <summary>The number of the round robin's list that it is in; -1 while it is in none.</summary>
    public int ListedAt { get; set; } = -1;

    public Candidate? Previous { get; set; }

    public Candidate? Next { get; set; }

    int IRebalancedWorker.Slot => Channel.Worker.Slot;

    bool IRebalancedWorker.CanTake => this is { IsRemoved: false, IsAside: false, Revoked: 0 };

    /// <summary>
    /// Of all ports, as that is what a worker writes where the primary sees it, and what it has to bear. So one port's connections may move because of another's,
    /// and nothing but this port's does.
    /// </summary>
    int IRebalancedWorker.Connections => Board!.Open + Channel.CountUnderWay(this) + (HasQueue ? Queue.Count : 0);

    void IRebalancedWorker.GiveBack(int count) => Channel.Worker.Send(new ControlMessage.GiveBack(Port.Id, count));

    /// <summary>Returns whether it has as many connections as it may have; 0 is no limit. Those on their way count.</summary>
    public bool IsFull(int maxConnections) => maxConnections > 0 && Board is { } board && board.Open + Outstanding >= maxConnections;
}

/// <summary>The way from a port to one worker.</summary>
internal interface IOfferSink
{
    WorkerHandle Worker { get; }

    /// <summary>Sends the connection to the worker. Returns false when its socket takes nothing now; the primary's copy stays open.</summary>
    bool TryOffer(Candidate candidate, in PendingConnection connection);

    /// <summary>Counts the offers to this seat that the worker has not claimed yet.</summary>
    int CountUnderWay(Candidate candidate);
}

/// <summary>The port that offered a connection. It hears the answers, and gets back each connection that the worker does not keep.</summary>
internal interface IOfferOwner
{
    /// <summary>The port's number between the primary and its workers.</summary>
    int Id { get; }

    /// <summary>Gets whether its workers report the state of connections, so that a connection can outlive its worker.</summary>
    bool KeepsConnections { get; }

    /// <summary>Gets whether a worker has nothing to answer, so that it can serve what another one does not answer.</summary>
    bool HasIdle { get; }

    /// <summary>Returns the time since the connection was accepted.</summary>
    TimeSpan TimeSinceAccepted(in PendingConnection connection);

    /// <summary>Gives the worker connections from now on.</summary>
    void Add(Candidate candidate);

    /// <summary>Stops giving connections to the worker. It keeps its unanswered offers until it answers or ends.</summary>
    void Remove(Candidate candidate);

    /// <summary>Notes that the worker has answered an offer: it can take another one.</summary>
    void Answered(Candidate candidate);

    /// <summary>Notes that the worker has answered an offer that another worker has got meanwhile.</summary>
    void RevokedAnswered(Candidate candidate);

    /// <summary>Notes that the worker takes no connection for now.</summary>
    void Declined(Candidate candidate);

    /// <summary>Notes that an offer was revoked, because the worker did not answer in time.</summary>
    void Revoked(Candidate candidate);

    /// <summary>Notes that a worker has room again.</summary>
    void RoomAvailable();

    /// <summary>Takes back a connection that a worker did not accept. It is served before all that arrived later.</summary>
    void TakeBack(in PendingConnection connection);

    /// <summary>Takes over a connection that a worker has served until now. It is served behind those that wait, and is never refused.</summary>
    void TakeOver(int descriptor, in PeerAddress peer, bool isReplayed = false);

    /// <summary>Answers a client whose worker has ended before its response, and closes the connection.</summary>
    void EndWithCrashAnswer(int descriptor);

    /// <summary>Offers the connections that wait.</summary>
    void ServeWaiting();
}
