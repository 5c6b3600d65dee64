using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ProcessCluster.Platform;

namespace ProcessCluster.Worker;

/// <summary>
/// A listener in a worker: connections that the primary offers wait here until the program takes them, and only then is the offer
/// accepted. A program that does not take them is not given more than a few.
/// </summary>
internal sealed class WorkerListener : ClusterListener
{
    /// <summary>More than a primary offers at once; what is offered beyond it is refused.</summary>
    private const int Capacity = 256;

    private readonly WorkerSession _session;
    private readonly Channel<Offer> _offers = Channel.CreateBounded<Offer>(Capacity);

    public WorkerListener(WorkerSession session, int port, EndPoint endPoint)
        : base(endPoint)
    {
        _session = session;
        Port = port;
    }

    /// <summary>The primary's number for the end point.</summary>
    public int Port { get; }

    private readonly record struct Offer(uint Id, Descriptor Socket, PeerAddress Peer);

    /// <summary>Queues an offer; false when it must be refused.</summary>
    public bool TryAdd(uint offer, Descriptor socket, in PeerAddress peer) => _offers.Writer.TryWrite(new Offer(offer, socket, peer));

    /// <summary>Takes no more offers and refuses those that nobody has taken.</summary>
    public void Complete()
    {
        _offers.Writer.TryComplete();
        while (_offers.Reader.TryRead(out var offer))
        {
            offer.Socket.Dispose();
            _session.Answer(offer.Id, accepted: false);
        }
    }

    public override ValueTask DisposeAsync()
    {
        _session.Close(this);
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private protected override async ValueTask<(Descriptor? Socket, PeerAddress Peer)> TakeAsync(CancellationToken cancellationToken)
    {
        while (await _offers.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!_offers.Reader.TryRead(out var offer))
                continue;
            // Before the program sees a byte of it: from here on the connection is lost with this process.
            _session.Answer(offer.Id, accepted: true);
            return (offer.Socket, offer.Peer);
        }
        return default;
    }
}
