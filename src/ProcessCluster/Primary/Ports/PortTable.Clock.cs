using ProcessCluster.Linux.Events;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Ports;

/// <summary>The part that follows the clock. It runs only while something waits for it.</summary>
internal sealed partial class PortTable
{
    private static readonly TimeSpan ClockTick = TimeSpan.FromMilliseconds(100);

    /// <summary>A worker that leaves, has connections and has given none back for so long has only what cannot move, for as long as that takes.</summary>
    private static readonly TimeSpan GivingPatience = TimeSpan.FromSeconds(1);

    /// <summary>The interval at which connections that are held for a worker are tried again.</summary>
    private static readonly TimeSpan HoldTick = TimeSpan.FromMilliseconds(5);

    private readonly PausingClock _clock;
    private readonly PausingClock _holdClock;

    /// <summary>Gets or sets whether all workers are being replaced: their connections move anyway, and what moved is counted.</summary>
    public bool IsReloading { get; set; }

    /// <summary>Starts the clocks that a port or a worker needs now. Called at the end of each turn of the loop.</summary>
    public void EndTurn()
    {
        var (waits, holds) = (_delivery.HasWaiting, false);
        foreach (var (_, port) in _byId)
        {
            waits |= port.WaitsForTime;
            holds |= port.IsHolding;
        }
        if (!_clock.IsRunning && (waits || HasOffers()))
            _clock.Start();
        if (holds)
            _holdClock.Start();
    }

    private bool HasOffers()
    {
        foreach (var (_, user) in _users)
        {
            if (user.Channel.HasOffers)
                return true;
        }
        return false;
    }

    /// <summary>Tries again what is held. Returns whether something still is.</summary>
    private bool ServeHeld()
    {
        var isNeeded = false;
        foreach (var shared in _byKey.Values)
        {
            if (shared is not HandoffPort { IsHolding: true } port)
                continue;
            port.ServeWaiting();
            isNeeded |= port.IsHolding;
        }
        return isNeeded;
    }

    /// <summary>
    /// To be called every second or so: connections end without a word to the primary, and may leave workers uneven; quarantines end; a worker may have closed its
    /// hand-off socket.
    /// </summary>
    public void Poll()
    {
        Failover.Quarantine.LiftExpired();
        foreach (var user in _users.Values)
            user.Channel.CheckEnd();
        if (!_clock.IsRunning && Rebalance(_time.GetTimestamp()))
            _clock.Start();
    }

    /// <summary>One port after the other: each counts all connections of a worker, and two would ask for the same surplus. Those of one that leaves are on their way to others.</summary>
    private bool Rebalance(long now) =>
        !IsReloading
        && !_users.Values.Any(user => user.IsDone && (user.Channel.Worker.Board.Open == 0 || _time.GetElapsedTime(user.GaveAt, now) < GivingPatience))
        && _byKey.Values.OfType<HandoffPort>().Any(port => port.Rebalance(_time.GetElapsedTime(0, now)));

    /// <summary>Does what is due. Returns whether something still waits for the clock.</summary>
    private bool Tick()
    {
        _delivery.Retry();
        var needed = _delivery.HasWaiting;
        var now = _time.GetTimestamp();
        foreach (var shared in _byKey.Values)
        {
            if (shared is SharedSocket socket && socket.Poll())
                ReportUnread(socket);
            if (shared is not HandoffPort port)
                continue;
            if (port.EndOverdue(now) is > 0 and var closed)
                Expired(port, closed);
            needed |= port.WaitsForTime;
        }
        needed |= Rebalance(now);
        foreach (var user in _users.Values)
        {
            user.Channel.RevokeOverdue();
            needed |= user.Channel.HasOffers;
        }
        return needed;
    }

    /// <summary>
    /// To those that receive. One that has not read what it was told before is told nothing more: it is stopped, or will look anyway.
    /// </summary>
    private void ReportUnread(SharedSocket socket)
    {
        var unread = new ControlMessage.Unread(socket.Id);
        foreach (var (worker, user) in _users)
        {
            if (!worker.Life.LeaveWanted && user.Uses(socket) && worker.Channel.Outbox.Written().IsCompleted)
                worker.Send(unread);
        }
    }
}
