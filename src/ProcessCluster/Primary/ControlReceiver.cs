using ProcessCluster.Linux.Events;
using ProcessCluster.Locks;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>The receiver of what workers say over their links. Trusts none of it. Belongs to the cluster's loop.</summary>
/// <param name="loop">The cluster's.</param>
/// <param name="runner">The runner of the workers' lives.</param>
/// <param name="ports">The cluster's ports.</param>
/// <param name="heartbeats">Told of signs of life.</param>
/// <param name="router">The router of messages between workers.</param>
/// <param name="locks">The cluster's locks.</param>
/// <param name="time">The clock.</param>
internal sealed class ControlReceiver(
    EventLoop loop, LifecycleRunner runner, PortTable ports, Heartbeats heartbeats, MessageRouter router, LockTable locks, TimeProvider time)
{
    /// <summary>The time by which the process has ended, nearly always, when its link has closed.</summary>
    private static readonly TimeSpan ExitDelay = TimeSpan.FromSeconds(1);

    /// <summary>Gets or sets what is told of a greeting before it is dealt with. For tests.</summary>
    public Action? Greeting { get; set; }

    /// <summary>Returns the receiver of a worker's link, which brings here what is meant for the loop.</summary>
    public ILinkPeer PeerOf(WorkerHandle worker) => new WorkerPeer(worker, loop, router, locks, Receive, LinkClosed, time);

    /// <summary>Does what a worker asks for, or ends it when it may not ask for that.</summary>
    private void Receive(WorkerHandle worker, ControlMessage message)
    {
        switch (message)
        {
            case ControlMessage.Hello { Protocol: not ControlCodec.Protocol } hello:
                runner.CutOff(worker, $"it speaks version {hello.Protocol} of the protocol, this primary version {ControlCodec.Protocol}. "
                    + "Run the same version of ProcessCluster in both.");
                break;
            case ControlMessage.Hello:
                Greeting?.Invoke();
                worker.Channel.Outbox.Release();
                runner.Apply(worker, LifecycleEvent.Hello);
                break;
            case ControlMessage.Listen listen:
                if (ports.Bind(worker, listen) is { } answer)
                    worker.Send(answer);
                break;
            case ControlMessage.Listening listening:
                // None when the port was closed meanwhile: then it listens for nothing.
                if (ports.StartListening(worker, listening.Port) is { } port)
                    runner.Apply(worker, LifecycleEvent.Listens, port);
                break;
            case ControlMessage.CloseListener close:
                ports.CloseListener(worker, close.Port);
                break;
            case ControlMessage.Ready ready:
                runner.Apply(worker, LifecycleEvent.Ready);
                runner.MarkUp(worker, ready.Addresses);
                break;
            case ControlMessage.StartFailed failed:
                worker.Fault = failed.Reason;
                break;
            case ControlMessage.Leaving:
                runner.Apply(worker, LifecycleEvent.LeaveAnnounced);
                break;
            case ControlMessage.Pong pong:
                heartbeats.Answered(worker, pong);
                break;
            case ControlMessage.BindUdp bind:
                if (ports.Bind(worker, bind) is { } refusal)
                    worker.Send(refusal);
                break;
            default:
                runner.CutOff(worker, $"it sent {message.GetType().Name}, which a worker does not send.");
                break;
        }
    }

    /// <summary>The link has closed, or what came over it breaks the protocol.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="fault">The fault that the worker is to blame for; null when the link has only closed.</param>
    private void LinkClosed(WorkerHandle worker, string? fault)
    {
        if (fault is not null)
            runner.CutOff(worker, fault);
        locks.RemoveWaiting(worker.Id);
        var closed = $"{worker} has closed its link.";
        worker.Channel.StopSending(closed);
        worker.Channel.EndReceiving();
        time.CreateTimer(_ => router.Forget(worker, closed), null, ExitDelay, Timeout.InfiniteTimeSpan);
        runner.LinkClosed(worker);
    }
}
