using System.Net;
using System.Net.Sockets;
using ProcessCluster.Connections.Readiness;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Connections;

/// <summary>A listener of this process alone: what a program gets that runs outside a cluster.</summary>
internal sealed class LocalListener : ClusterListener
{
    private readonly ListeningSocket _socket;
    private readonly ReadableWatch _watch = new();
    private readonly SemaphoreSlim _turn = new(1);
    private bool _closed;

    private LocalListener(ListeningSocket socket)
        : base(socket.EndPoint)
    {
        _socket = socket;
        SocketLoop.Instance.Add(_watch, socket.Number, EpollEvents.Readable | EpollEvents.EdgeTriggered);
    }

    /// <exception cref="SocketException">The end point is taken, not allowed or not there.</exception>
    public static LocalListener Bind(EndPoint endPoint, ClusterListenOptions options) => new(ListeningSocket.Bind(endPoint, options));

    private protected override async ValueTask<Taken> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task readable;
            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (_closed)
                    return default;
                // Taken before the attempt: an edge that comes after the attempt completes it.
                readable = _watch.NextEdge;
                switch (_socket.TryAccept(out var accepted, out var peer))
                {
                    case AcceptResult.Accepted:
                        return new Taken(new Descriptor(accepted), peer, IsMoved: false);
                    case AcceptResult.Gone:
                        continue;
                    case AcceptResult.Exhausted:
                        throw new SocketException((int)SocketError.TooManyOpenSockets);
                }
            }
            finally
            {
                _turn.Release();
            }
            await readable.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_closed)
                return;
            _closed = true;
            SocketLoop.Instance.Remove(_watch, _socket.Number);
            _socket.Dispose();
        }
        finally
        {
            _turn.Release();
        }
        _watch.OnReady(0);
    }

    private sealed class ReadableWatch : EventLoop.Watch
    {
        private TaskCompletionSource _edge = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task NextEdge => Volatile.Read(ref _edge).Task;

        public override void OnReady(EpollEvents events) =>
            Interlocked.Exchange(ref _edge, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }
}
