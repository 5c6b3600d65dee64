using ProcessCluster.Platform;
using ProcessCluster.Wire;

namespace ProcessCluster.Primary.Listening;

/// <summary>One worker's place at one port.</summary>
internal sealed class Seat(WorkerChannel channel, SharedPort port) : IConnectionHolder
{
    /// <summary>How many connections may be on their way to one worker. More than one hides the way to and fro under load.</summary>
    public const int MaxOffers = 8;

    private WaitingLine? _line;

    public WorkerChannel Channel { get; } = channel;

    public SharedPort Port { get; } = port;

    /// <summary>What the worker says of itself.</summary>
    public SharedPage? Page { get; init; } = channel?.Worker.Child.Page;

    /// <summary>Offers that the worker has not answered yet.</summary>
    public int Outstanding { get; set; }

    /// <summary>How many of these have been given to others, because it did not answer in time: until it does, it gets none.</summary>
    public int Revoked { get; set; }

    /// <summary>Whether it is out of turn for a moment: its socket took nothing, it has as many connections as it may have, or it wants none.</summary>
    public bool IsAside { get; set; }

    public bool IsRemoved { get; set; }

    /// <summary>The number of turns that it has had, counted from the last of the workers that the others wait for (<see cref="RoundRobinSeats"/>).</summary>
    public long Turn { get; set; }

    /// <summary>Whether the others wait for it when they are ahead of it.</summary>
    public bool IsAwaited { get; set; }

    /// <summary>Whether the others have waited for it in vain. Until it answers, they do not wait again.</summary>
    public bool IsSlow { get; set; }

    /// <summary>Since when it has answered none of its offers (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long SilentSince { get; set; }

    /// <summary>Whether the worker has work or waits for a processor, as far as the system says.</summary>
    public bool CanRun => Channel is null || ProcessStatus.CanRun(Channel.Worker.ProcessId);

    /// <summary>Whether it may be offered a connection.</summary>
    public bool IsInTurn => !IsRemoved && !IsAside && Revoked == 0 && Outstanding < MaxOffers;

    /// <summary>Connections that wait for this worker and no other.</summary>
    public WaitingLine Line => _line ??= new WaitingLine();

    public bool HasLine => _line is { Count: > 0 };

    /// <summary>The number of the round robin's list that it is in; -1 while it is in none.</summary>
    public int ListedAt { get; set; } = -1;

    public Seat? Previous { get; set; }

    public Seat? Next { get; set; }

    int IConnectionHolder.Slot => Channel.Worker.Slot;

    bool IConnectionHolder.CanTake => this is { IsRemoved: false, IsAside: false, Revoked: 0 };

    /// <summary>
    /// Of all ports, as that is what a worker writes where the primary sees it, and what it has to bear. So one port's connections may move because of another's,
    /// and nothing but this port's does.
    /// </summary>
    int IConnectionHolder.Connections => Page!.Open + Channel.CountUnderWay(this) + (HasLine ? Line.Count : 0);

    void IConnectionHolder.GiveBack(int count) => Channel.Worker.Send(new ControlMessage.GiveBack(Port.Id, count));

    /// <summary>Whether it has as many connections as it may have; 0 is no limit. Those on their way count.</summary>
    public bool IsFull(int maxConnections) => maxConnections > 0 && Page is { } page && page.Open + Outstanding >= maxConnections;
}
