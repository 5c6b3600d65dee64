using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary.Handoff;

/// <summary>
/// Decides the state of a kept connection after the end of its worker. The worker's last report on the board holds. Where an answer was being sent, the kernel's count of sent bytes
/// says how much of it the client has.
/// </summary>
/// <param name="copies">The copies, of which the kernel counts the sent bytes. It is asked only where the report leaves a question.</param>
internal sealed class FailoverDecision(IConnectionCopies copies)
{
    /// <summary>Returns the number of bytes that were sent on a connection that a worker is about to get; null when the kernel does not say.</summary>
    public long? CountSent(in PendingConnection connection) =>
        !connection.IsMoved ? 0 : copies.TryCountSent(connection.Descriptor, out var sent) ? sent : null;

    /// <summary>
    /// Returns the state. The worker had perhaps begun to send an answer, or was about to: nothing of it sent is <see cref="ClusterConnectionState.Busy"/>, and all of it is the state
    /// after it.
    /// </summary>
    public ClusterConnectionState StateOf(in OfferTable.Entry entry, PrimaryBoard board)
    {
        var state = board.StateOf(entry.Number);
        if (state == ClusterConnectionState.Repeatable && IsSecondTry(entry))
            return ClusterConnectionState.Busy;
        if (state != ClusterConnectionState.Responding || entry.SentBefore is not { } before || !copies.TryCountSent(entry.Connection.Descriptor, out var sent))
            return state;
        var (begin, end, then) = board.ResponseOf(entry.Number);
        if (end >= 0 && sent - before == end)
            return then;
        return begin >= 0 && sent - before == begin ? ClusterConnectionState.Busy : state;
    }

    /// <summary>Returns whether a worker before this one has ended over the same request, as far as anybody can say: nothing was sent since.</summary>
    public bool IsSecondTry(in OfferTable.Entry entry) =>
        entry.Connection.IsReplayed
        && (entry.SentBefore is not { } before || !copies.TryCountSent(entry.Connection.Descriptor, out var sent) || sent == before);
}
