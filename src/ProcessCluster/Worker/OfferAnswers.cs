using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>
/// The messages of this worker over the hand-off socket. Those that the socket does not take now, because many connections are on their way back or the system has no memory, are sent
/// a moment later, in order: an answer that was lost would leave the worker without connections for good. Thread-safe.
/// </summary>
internal sealed class OfferAnswers
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(10);

    private readonly Descriptor _socket;
    private readonly Lock _gate = new();
    private readonly Timer _retry;

    /// <summary>Bounded by the offers that the primary makes (<see cref="Board.MaxOffers"/>), and one of each other kind.</summary>
    private readonly Queue<(uint Offer, OfferAnswer Answer)> _unsaid = new();

    /// <param name="socket">This side of the hand-off socket.</param>
    public OfferAnswers(Descriptor socket)
    {
        _socket = socket;
        _retry = new Timer(static answers => ((OfferAnswers)answers!).SendRest(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Send(uint offer, OfferAnswer answer)
    {
        lock (_gate)
        {
            if (_unsaid.Count == 0 && TrySay(offer, answer))
                return;
            if (offer == HandoffCodec.NoOffer && _unsaid.Contains((offer, answer)))
                return;
            _unsaid.Enqueue((offer, answer));
            if (_unsaid.Count == 1)
                _retry.Change(RetryAfter, Timeout.InfiniteTimeSpan);
        }
    }

    private void SendRest()
    {
        lock (_gate)
        {
            while (_unsaid.TryPeek(out var next) && TrySay(next.Offer, next.Answer))
                _unsaid.Dequeue();
            if (_unsaid.Count > 0)
                _retry.Change(RetryAfter, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>True when it was said, or the primary is gone and nobody needs it.</summary>
    private bool TrySay(uint offer, OfferAnswer answer)
    {
        Span<byte> message = stackalloc byte[HandoffCodec.AnswerSize];
        HandoffCodec.WriteAnswer(message, offer, answer);
        return HandoffSocket.Answer(_socket, message) != HandoffSend.Busy;
    }
}
