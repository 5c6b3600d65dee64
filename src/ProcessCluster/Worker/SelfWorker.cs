using System.Runtime.InteropServices;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>This process as <see cref="Cluster.Worker"/> shows it.</summary>
internal sealed class SelfWorker : ClusterWorker
{
    private readonly WorkerSession _session;
    private readonly Lock _gate = new();
    private PosixSignalRegistration? _terminate;

    public SelfWorker(in WorkerPlace place, WorkerSession session)
        : base(place.Id) => (_session, Generation) = (session, place.Generation);

    public override int ProcessId => Environment.ProcessId;

    public override int Slot => _session.Slot;

    public override bool IsStandby => _session.IsStandby;

    public override int Generation { get; }

    public override RequestScope TrackRequest() => _session.Requests.Begin();

    public override WorkerState State => this switch
    {
        { IsConnected: false } => WorkerState.Disconnected,
        { ExitedAfterDisconnect: true } => WorkerState.Draining,
        { _session.IsListening: true } => WorkerState.Listening,
        _ => WorkerState.Online,
    };

    public override bool IsConnected => _session.IsConnected;

    public override bool ExitedAfterDisconnect => _session.IsLeaving;

    public override CancellationToken Stopping
    {
        get
        {
            TakeOverTermination();
            return _session.Stopping;
        }
    }

    public override async Task DisconnectAsync(CancellationToken cancellationToken = default)
    {
        await _session.LeaveAsync(cancellationToken).ConfigureAwait(false);
        _session.CloseLink();
    }

    public override void Kill(Signal signal = Signal.SIGTERM)
    {
        Signals.ThrowIfNotSendable(signal);
        if (CurrentProcess.TrySend(signal) is { } reason)
            throw new ClusterException($"{signal} could not be sent to this process: {reason}.");
    }

    public override ValueTask SendAsync<T>(T message, CancellationToken cancellationToken = default) =>
        _session.Channel.SendAsync(FrameHeader.Primary, message, cancellationToken);

    internal override ValueTask<TAnswer> RequestCoreAsync<TRequest, TAnswer>(
        TRequest request, TimeSpan? timeout, CancellationToken cancellationToken) =>
        _session.Channel.RequestAsync<TRequest, TAnswer>(FrameHeader.Primary, request, timeout, cancellationToken);

    public override void ReportReady(IReadOnlyCollection<string> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        _session.Send(new ControlMessage.Ready(addresses));
    }

    public override void ReportStartFailure(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        _session.Send(new ControlMessage.StartFailed(reason));
    }

    /// <summary>A program that watches <see cref="Stopping"/> ends by itself: SIGTERM then asks it to, instead of ending it.</summary>
    private void TakeOverTermination()
    {
        lock (_gate)
        {
            _terminate ??= PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
            {
                context.Cancel = true;
                _ = _session.LeaveAsync(CancellationToken.None);
            });
        }
    }
}
