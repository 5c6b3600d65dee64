using ProcessCluster.Linux.Events;
using ProcessCluster.Locks;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>
/// The receiver of a worker's link. Control messages go to the loop, one at a time and not too many; locks go to their table, which needs no loop; messages are handled
/// or passed on at once.
/// </summary>
/// <param name="worker">The worker at the other end.</param>
/// <param name="loop">The cluster's.</param>
/// <param name="router">Gets the messages.</param>
/// <param name="locks">The cluster's locks.</param>
/// <param name="receive">Gets the control messages, on the loop.</param>
/// <param name="closed">Told of the link's end, on the loop.</param>
/// <param name="time">The clock.</param>
internal sealed class WorkerPeer(
    WorkerHandle worker,
    EventLoop loop,
    MessageRouter router,
    LockTable locks,
    Action<WorkerHandle, ControlMessage> receive,
    Action<WorkerHandle, string?> closed,
    TimeProvider time) : ILinkPeer
{
    /// <summary>The number of control messages that a worker may send at once and in a second, without those of locks.</summary>
    private const int Burst = 5_000, PerSecond = 500;

    private readonly RateLimit _limit = new(time, Burst, PerSecond);

    /// <exception cref="InvalidDataException">The worker sends too many, or asks for what it may not have.</exception>
    public void Receive(ControlMessage message)
    {
        switch (message)
        {
            case ControlMessage.AcquireLock acquire:
                if (!locks.TryAdd(new LockClaim(worker.Id, acquire.Request), acquire.Name))
                    throw new InvalidDataException("it asked for more locks than a process may have, or for one twice under one number.");
                if (worker.IsDead)
                    locks.RemoveAll(worker.Id); // Its locks were given to others a moment before.
                break;
            case ControlMessage.ReleaseLock release:
                locks.Remove(new LockClaim(worker.Id, release.Request));
                break;
            case var _ when !_limit.TryTake():
                throw new InvalidDataException($"it sent more than {PerSecond} control messages a second.");
            default:
                loop.Invoke(() =>
                {
                    receive(worker, message);
                    return true;
                });
                break;
        }
    }

    public IThreadPoolWorkItem? Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented) =>
        router.Receive(worker, header, frame, ref rented);

    public void Closed(string? fault) => loop.Post(() => closed(worker, fault));
}
