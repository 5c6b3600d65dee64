using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>
/// A listener in a worker: connections that the primary offers wait here until the program takes them, and only then is the offer
/// accepted. A program that does not take them is not given more than a few.
/// </summary>
internal sealed class HandoffListener(WorkerSession session, int port, EndPoint endPoint) : PortListener(session, port, endPoint)
{
    /// <summary>More than a primary offers at once; what is offered beyond it is declined.</summary>
    private const int Capacity = 256;

    private readonly Channel<Offer> _offers = Channel.CreateBounded<Offer>(Capacity);

    private bool _isExclusive;
    private volatile bool _isCompleted;

    private readonly record struct Offer(uint Id, Descriptor Socket, ushort Skip, OfferKinds Kinds, PeerAddress Peer);

    /// <summary>Nobody else listens on an end point of its own, which ends with this worker.</summary>
    internal override bool CanReturn => !_isExclusive && Session.CanReturn;

    internal override bool TryReturn(Descriptor socket, uint? number, in PeerAddress peer) => Session.TryReturn(Port, socket, number, peer);

    public override void Begin(ClusterListenOptions options, bool isAdmitted)
    {
        base.Begin(options, isAdmitted);
        _isExclusive = options.Exclusive;
    }

    /// <summary>Queues an offer; false when it is to be answered as said.</summary>
    public bool TryAdd(uint offer, Descriptor socket, ushort skip, OfferKinds kinds, in PeerAddress peer, out OfferAnswer answer)
    {
        var isAdded = _offers.Writer.TryWrite(new Offer(offer, socket, skip, kinds, peer));
        answer = _isCompleted ? OfferAnswer.Refused : OfferAnswer.Declined;
        return isAdded;
    }

    /// <summary>Takes no more offers and refuses those that nobody has taken.</summary>
    public override void Complete()
    {
        _isCompleted = true;
        _offers.Writer.TryComplete();
        while (_offers.Reader.TryRead(out var offer))
        {
            offer.Socket.Dispose();
            Session.Answer(offer.Id, OfferAnswer.Refused);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private protected override async ValueTask<Taken> TakeAsync(CancellationToken cancellationToken)
    {
        while (await _offers.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!_offers.Reader.TryRead(out var offer))
                continue;
            var isTaken = TryTake(offer, out var taken);
            if (_offers.Reader.Count == 0)
                Session.Connections.Notify(); // One word for all of them: the next is taken at once.
            if (isTaken)
                return taken;
        }
        return default;
    }

    private bool TryTake(in Offer offer, out Taken taken)
    {
        taken = default;
        if (!WantsOne(offer))
            return false;
        var isMoved = (offer.Kinds & OfferKinds.Moved) != 0;
        Session.Connections.Opened(isKnown: isMoved); // Before the primary can see that it is not on its way any more: each counts all the time.
        // Before the program sees a byte of it: from here on it is for this process to say what can become of it. As long as nobody has read anything another one can serve it.
        var skips = offer.Skip > 0 && !isMoved;
        if (!Session.TryClaim(offer.Id, skips ? ClusterConnectionState.Unknown : ClusterConnectionState.Idle))
        {
            Session.Connections.Closed(isKnown: isMoved, number: null);
            offer.Socket.Dispose(); // It was left here for too long: another worker has it.
            Session.Answer(offer.Id, OfferAnswer.Refused);
            return false;
        }
        uint? number = (offer.Kinds & OfferKinds.Kept) != 0 ? offer.Id : null;
        if (skips)
        {
            StreamSocket.Skip(offer.Socket, offer.Skip);
            if (number is { } kept)
                Session.Connections.Report(kept, ClusterConnectionState.Idle);
        }
        taken = new Taken(offer.Socket, offer.Peer, isMoved, number);
        return true;
    }

    private bool WantsOne(in Offer offer)
    {
        var wanted = false;
        try
        {
            wanted = CanAccept?.Invoke() ?? true;
            return wanted;
        }
        finally
        {
            if (!wanted)
            {
                offer.Socket.Dispose();
                Session.Answer(offer.Id, OfferAnswer.Declined);
            }
        }
    }
}
