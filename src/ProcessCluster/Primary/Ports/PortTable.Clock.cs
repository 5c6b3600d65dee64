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

    private readonly LoopTimer _clock = new(loop);
    private readonly LoopTimer _holdClock = new(loop);
    private Action? _tick;
    private Action? _holdTick;
    private bool _clockRuns;
    private bool _holdClockRuns;

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
        if (!_clockRuns && (waits || HasOffers()))
            StartClock();
        if (!_holdClockRuns && holds)
            StartHoldClock();
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

    private void StartClock()
    {
        _clockRuns = true;
        _clock.Start(ClockTick, _tick ??= Tick);
    }

    private void StartHoldClock()
    {
        _holdClockRuns = true;
        _holdClock.Start(HoldTick, _holdTick ??= ServeHeld);
    }

    private void ServeHeld()
    {
        var isNeeded = false;
        foreach (var shared in _byKey.Values)
        {
            if (shared is not HandoffPort { IsHolding: true } port)
                continue;
            port.ServeWaiting();
            isNeeded |= port.IsHolding;
        }
        if (isNeeded)
            return;
        _holdClockRuns = false;
        _holdClock.Stop();
    }

    /// <summary>To be called every second or so: connections end without a word to the primary, and may leave workers uneven; quarantines end.</summary>
    public void Poll()
    {
        Failover.Quarantine.LiftExpired();
        if (!_clockRuns && Rebalance(time.GetTimestamp()))
            StartClock();
    }

    /// <summary>One port after the other: each counts all connections of a worker, and two would ask for the same surplus. Those of one that leaves are on their way to others.</summary>
    private bool Rebalance(long now) =>
        !IsReloading
        && !_users.Values.Any(user => user.IsDone && (user.Channel.Worker.Board.Open == 0 || time.GetElapsedTime(user.GaveAt, now) < GivingPatience))
        && _byKey.Values.OfType<HandoffPort>().Any(port => port.Rebalance(time.GetElapsedTime(0, now)));

    private void Tick()
    {
        _delivery.Retry();
        var needed = _delivery.HasWaiting;
        var now = time.GetTimestamp();
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
        if (needed)
            return;
        _clockRuns = false;
        _clock.Stop();
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
