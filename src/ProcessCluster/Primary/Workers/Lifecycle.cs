using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Primary.Workers;

/// <summary>An event in a worker's life, as the primary sees it.</summary>
internal enum LifecycleEvent
{
    /// <summary>The worker said hello: its link is up.</summary>
    Hello,

    /// <summary>The worker has a listener in place.</summary>
    Listens,

    /// <summary>A host in the worker said that the program is up.</summary>
    Ready,

    /// <summary>The primary's program wants the worker to leave.</summary>
    LeaveWanted,

    /// <summary>A recycling rule wants the worker to leave.</summary>
    RecycleWanted,

    /// <summary>The worker said that it leaves by its own wish.</summary>
    LeaveAnnounced,

    /// <summary>The worker has given no sign of life for too long.</summary>
    HeartbeatLost,

    /// <summary>That the worker is hung has been told, and a dump of it written if one is wanted.</summary>
    HangReported,

    /// <summary>The time for the boot is over.</summary>
    BootOverdue,

    /// <summary>The time for leaving is over.</summary>
    DrainOverdue,

    /// <summary>The link has closed.</summary>
    LinkClosed,

    /// <summary>The process is gone.</summary>
    Exited,
}

/// <summary>The actions after an event, in this order.</summary>
[Flags]
internal enum LifecycleActions
{
    None = 0,

    /// <summary>No more connections go to the worker; those offered and not accepted go to others once it is gone.</summary>
    StopOffering = 1,

    /// <summary>Tell the worker to leave.</summary>
    SendDisconnect = 2,

    /// <summary>Answer the worker's announcement.</summary>
    NoteLeaving = 4,

    /// <summary>Start the time for leaving.</summary>
    StartDrainTimer = 8,

    /// <summary>Send SIGKILL.</summary>
    Kill = 16,

    /// <summary>Tell the program that the worker is hung, write a dump if one is wanted, then <see cref="LifecycleEvent.HangReported"/>.</summary>
    ReportHang = 512,

    /// <summary>Tell the program that the worker is online.</summary>
    RaiseOnline = 32,

    /// <summary>Tell the program that the worker listens.</summary>
    RaiseListening = 64,

    /// <summary>Tell the program that the link has closed.</summary>
    RaiseDisconnected = 128,

    /// <summary>Tell the program that the process is gone.</summary>
    RaiseExited = 256,
}

/// <summary>
/// The life of a worker as a pure function: (state, event) to (state, actions). docs/reference/lifecycle.md holds it as a table, which a test
/// compares with this.
/// </summary>
/// <param name="State">The public state.</param>
/// <param name="ExpectsReady">True when the boot ends with <see cref="LifecycleEvent.Ready"/>, as in hosts, rather than with hello.</param>
/// <param name="ListeningIsReady">True when the first <see cref="LifecycleEvent.Listens"/> counts as that.</param>
/// <param name="IsUp">True when the boot is over.</param>
/// <param name="LeaveWanted">True when its leaving is wanted, by whichever side.</param>
/// <param name="KilledWith">The last signal that the primary's program sent it, or that it got when it was asked to leave while it booted.</param>
/// <param name="Overdue">True when it had to be killed because a time was over.</param>
/// <param name="Recycled">True when a recycling rule wanted its leaving.</param>
/// <param name="Hung">True when it gave no sign of life for too long.</param>
internal sealed record Lifecycle(
    WorkerState State,
    bool ExpectsReady,
    bool ListeningIsReady = false,
    bool IsUp = false,
    bool LeaveWanted = false,
    Signal? KilledWith = null,
    bool Overdue = false,
    bool Recycled = false,
    bool Hung = false)
{
    public static Lifecycle Start(bool expectsReady, bool listeningIsReady = false) => new(WorkerState.Starting, expectsReady, listeningIsReady);

    public bool IsConnected => State < WorkerState.Disconnected;

    public (Lifecycle Next, LifecycleActions Actions) On(LifecycleEvent @event) => @event switch
    {
        LifecycleEvent.Hello => State switch
        {
            WorkerState.Starting => (this with { State = WorkerState.Online, IsUp = !ExpectsReady }, LifecycleActions.RaiseOnline),
            _ => Unchanged,
        },
        LifecycleEvent.Listens => State switch
        {
            WorkerState.Online or WorkerState.Listening =>
                (this with { State = WorkerState.Listening, IsUp = IsUp || ListeningIsReady }, LifecycleActions.RaiseListening),
            _ => Unchanged,
        },
        LifecycleEvent.Ready => State switch
        {
            WorkerState.Online or WorkerState.Listening => (this with { IsUp = true }, LifecycleActions.None),
            _ => Unchanged,
        },
        LifecycleEvent.LeaveWanted => State switch
        {
            // It has nothing to finish yet, and cannot be told: nothing may be written to it before hello (ParentDeath).
            WorkerState.Starting => (Leaving with { KilledWith = Signal.SIGKILL }, LifecycleActions.StopOffering | LifecycleActions.Kill),
            WorkerState.Online or WorkerState.Listening =>
                (Leaving, LifecycleActions.StopOffering | LifecycleActions.SendDisconnect | LifecycleActions.StartDrainTimer),
            WorkerState.Disconnected => (this with { LeaveWanted = true }, LifecycleActions.None),
            _ => Unchanged,
        },
        LifecycleEvent.RecycleWanted => State switch
        {
            WorkerState.Online or WorkerState.Listening =>
                (Leaving with { Recycled = true }, LifecycleActions.StopOffering | LifecycleActions.SendDisconnect | LifecycleActions.StartDrainTimer),
            _ => Unchanged,
        },
        LifecycleEvent.HeartbeatLost => State switch
        {
            WorkerState.Online or WorkerState.Listening when IsUp && !Hung =>
                (this with { Hung = true }, LifecycleActions.StopOffering | LifecycleActions.ReportHang),
            _ => Unchanged,
        },
        LifecycleEvent.HangReported => State switch
        {
            WorkerState.Dead => Unchanged,
            _ => Hung ? (this, LifecycleActions.Kill) : Unchanged,
        },
        LifecycleEvent.LeaveAnnounced => State switch
        {
            WorkerState.Online or WorkerState.Listening =>
                (Leaving, LifecycleActions.StopOffering | LifecycleActions.NoteLeaving | LifecycleActions.StartDrainTimer),
            WorkerState.Draining => (this, LifecycleActions.NoteLeaving),
            _ => Unchanged,
        },
        LifecycleEvent.BootOverdue => State switch
        {
            WorkerState.Starting or WorkerState.Online or WorkerState.Listening when !IsUp =>
                (this with { Overdue = true }, LifecycleActions.StopOffering | LifecycleActions.Kill),
            _ => Unchanged,
        },
        LifecycleEvent.DrainOverdue => State switch
        {
            WorkerState.Draining or WorkerState.Disconnected => (this with { Overdue = true }, LifecycleActions.Kill),
            _ => Unchanged,
        },
        LifecycleEvent.LinkClosed => State switch
        {
            WorkerState.Disconnected or WorkerState.Dead => Unchanged,
            WorkerState.Draining => (this with { State = WorkerState.Disconnected }, LifecycleActions.StopOffering | LifecycleActions.RaiseDisconnected),
            // Nobody wanted it: the worker is dying, or will never be heard of again; then it has the time for leaving.
            _ => (this with { State = WorkerState.Disconnected },
                LifecycleActions.StopOffering | LifecycleActions.StartDrainTimer | LifecycleActions.RaiseDisconnected),
        },
        LifecycleEvent.Exited => State switch
        {
            WorkerState.Dead => Unchanged,
            WorkerState.Disconnected => (this with { State = WorkerState.Dead }, LifecycleActions.StopOffering | LifecycleActions.RaiseExited),
            _ => (this with { State = WorkerState.Dead },
                LifecycleActions.StopOffering | LifecycleActions.RaiseDisconnected | LifecycleActions.RaiseExited),
        },
        _ => throw new ArgumentOutOfRangeException(nameof(@event), @event, null),
    };

    /// <summary>Why the worker ended, from what was known of it before.</summary>
    /// <param name="exit">The end of the process.</param>
    /// <param name="hasFault">True when it reported that its program could not start, or was cut off.</param>
    public WorkerExitCause CauseOf(ChildExit exit, bool hasFault)
    {
        var failed = exit is not { ExitCode: 0 };
        if (Overdue)
            return IsUp || LeaveWanted ? WorkerExitCause.KilledLate : WorkerExitCause.FailedAtBoot;
        if (Hung && exit.Signal == Signal.SIGKILL)
            return WorkerExitCause.Hung;
        if (exit.Signal is { } signal && signal == KilledWith)
            return WorkerExitCause.Killed;
        if (exit.ForWantOfMemory)
            return WorkerExitCause.OutOfMemory;
        if (hasFault)
            return IsUp ? WorkerExitCause.Crashed : WorkerExitCause.FailedAtBoot;
        if (LeaveWanted)
        {
            if (failed && exit.Signal is not Signal.SIGTERM)
                return WorkerExitCause.Crashed;
            return Recycled ? WorkerExitCause.Recycled : WorkerExitCause.Requested;
        }
        if (!failed)
            return WorkerExitCause.Completed;
        return IsUp ? WorkerExitCause.Crashed : WorkerExitCause.FailedAtBoot;
    }

    private Lifecycle Leaving => this with { State = WorkerState.Draining, LeaveWanted = true };

    private (Lifecycle Next, LifecycleActions Actions) Unchanged => (this, LifecycleActions.None);
}
