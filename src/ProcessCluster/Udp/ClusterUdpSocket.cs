using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Udp;

namespace ProcessCluster;

/// <summary>
/// A bound UDP socket: in a worker a copy of the one that all workers share, each datagram being received by one of them, outside a
/// cluster this process's own. Thread-safe; several receives and sends may be under way at once. Costs one file descriptor; receiving
/// with a <see cref="SocketAddress"/> and sending allocate nothing.
/// </summary>
public sealed class ClusterUdpSocket : IAsyncDisposable
{
    private readonly Descriptor _socket;
    private readonly EventLoop _loop;
    private readonly Action<ClusterUdpSocket>? _closed;
    private readonly SharedReadiness _readable;
    private readonly SemaphoreSlim _receiveTurn = new(1);
    private readonly SemaphoreSlim _sendTurn = new(1);
    private readonly Lock _gate = new();
    private Descriptor? _sendingSocket;
    private SharedReadiness? _writable;
    private volatile bool _hasEnded;
    private volatile bool _disposed;

    /// <param name="socket">The socket; this object closes it.</param>
    /// <param name="loop">Tells when it is ready.</param>
    /// <param name="localEndPoint">As bound.</param>
    /// <param name="closed">Told once when it has been disposed.</param>
    internal ClusterUdpSocket(Descriptor socket, EventLoop loop, IPEndPoint localEndPoint, Action<ClusterUdpSocket>? closed)
    {
        _socket = socket;
        _loop = loop;
        _closed = closed;
        _readable = new SharedReadiness(loop, socket, EpollEvents.Readable | EpollEvents.Exclusive);
        LocalEndPoint = localEndPoint;
    }

    /// <summary>The end point as it is bound: where port 0 was asked for, this is the real port, the same in every worker.</summary>
    public IPEndPoint LocalEndPoint { get; }

    private readonly record struct Received(int Length, PeerAddress Sender);

    /// <summary>
    /// Receives the next datagram. Completes with null when receiving has ended: the socket was disposed, or the worker shall leave; then
    /// other workers receive what comes, and this one can still send. Costs two or three objects for the sender's address.
    /// </summary>
    /// <param name="buffer">The buffer for the datagram; 65,535 bytes hold every one.</param>
    /// <param name="cancellationToken">Ends the waiting; no datagram is lost by it.</param>
    /// <exception cref="SocketException">
    /// The datagram does not fit in the buffer, and is lost (<see cref="SocketError.MessageSize"/>).
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ClusterDatagram?> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        await ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false) is { } received
            ? new ClusterDatagram(received.Length, received.Sender.ToEndPoint()!)
            : null;

    /// <summary>
    /// Receives the next datagram, without an allocation. Completes with its length, or with null when receiving has ended: the socket was
    /// disposed, or the worker shall leave; then other workers receive what comes, and this one can still send.
    /// </summary>
    /// <param name="buffer">The buffer for the datagram; 65,535 bytes hold every one.</param>
    /// <param name="sender">The buffer for the sender's address. It can be used again for each datagram.</param>
    /// <param name="cancellationToken">Ends the waiting; no datagram is lost by it.</param>
    /// <exception cref="ArgumentException">The address has no room for one of this socket's family.</exception>
    /// <inheritdoc cref="ReceiveFromAsync(Memory{byte}, CancellationToken)" path="/exception"/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int?> ReceiveFromAsync(Memory<byte> buffer, SocketAddress sender, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sender);
        var family = LocalEndPoint.AddressFamily;
        if (sender.Buffer.Length < SocketAddress.GetMaximumAddressSize(family))
        {
            throw new ArgumentException(
                $"The address has room for {sender.Buffer.Length} bytes, too few for a sender: "
                + $"make it with new SocketAddress(AddressFamily.{family}).",
                nameof(sender));
        }
        if (await ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false) is not { } received)
            return null;
        received.Sender.Span.CopyTo(sender.Buffer.Span);
        sender.Size = received.Sender.Length;
        return received.Length;
    }

    /// <summary>
    /// Sends a datagram from the shared port. Completes with its length when the kernel has it, which says nothing of its arrival.
    /// </summary>
    /// <param name="datagram">The datagram: at most 65,507 bytes over IPv4.</param>
    /// <param name="receiver">The receiver: an <see cref="IPEndPoint"/>.</param>
    /// <param name="cancellationToken">Ends the waiting for room in the kernel.</param>
    /// <exception cref="ArgumentException">The receiver is no IP end point.</exception>
    /// <exception cref="SocketException">
    /// The datagram is too long (<see cref="SocketError.MessageSize"/>) or cannot be sent there.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The socket is disposed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ValueTask<int> SendToAsync(ReadOnlyMemory<byte> datagram, EndPoint receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        return receiver is IPEndPoint address
            ? SendAsync(datagram, new PeerAddress(address), cancellationToken)
            : throw NoReceiver(receiver, receiver.GetType().Name);
    }

    /// <param name="datagram">The datagram: at most 65,507 bytes over IPv4.</param>
    /// <param name="receiver">The receiver, for example the sender of a datagram that was received.</param>
    /// <param name="cancellationToken">Ends the waiting for room in the kernel.</param>
    /// <inheritdoc cref="SendToAsync(ReadOnlyMemory{byte}, EndPoint, CancellationToken)" path="/summary|/exception"/>
    public ValueTask<int> SendToAsync(ReadOnlyMemory<byte> datagram, SocketAddress receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        var address = new PeerAddress(receiver.Buffer.Span[..receiver.Size]);
        return address.IsIP
            ? SendAsync(datagram, address, cancellationToken)
            : throw NoReceiver(receiver, $"{receiver.Family}, {receiver.Size} bytes");
    }

    /// <summary>
    /// Closes this process's copy: waiting receives complete with null, other workers are not affected. The port closes when the last
    /// live worker that has the socket disposes it without leaving, or with the cluster.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    internal void Close()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = _hasEnded = true;
        }
        _readable.Close();
        _writable?.Close();
        _socket.Dispose();
        _sendingSocket?.Dispose();
        _closed?.Invoke(this);
    }

    /// <summary>Receives no more: the worker shall leave.</summary>
    internal void EndReceiving()
    {
        _hasEnded = true;
        _readable.Close();
    }

    /// <summary>There is something that nobody has received.</summary>
    internal void Recheck() => _readable.Recheck();

    /// <summary>Sends to the address, or to whom the socket is connected to when it is empty.</summary>
    internal ValueTask<int> SendAsync(ReadOnlyMemory<byte> datagram, in PeerAddress receiver, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<int>(cancellationToken);
        return DatagramSocket.TrySend(_socket, datagram.Span, receiver.Span)
            ? new ValueTask<int>(datagram.Length)
            : SendWhenReadyAsync(datagram, receiver, cancellationToken);
    }

    private ValueTask<Received?> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<Received?>(cancellationToken);
        if (_hasEnded)
            return default;
        return TryReceive(buffer.Span, out var received)
            ? new ValueTask<Received?>(received)
            : ReceiveWhenReadyAsync(buffer, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Received?> ReceiveWhenReadyAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await _receiveTurn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (!_hasEnded)
            {
                if (TryReceive(buffer.Span, out var received))
                    return received;
                await _readable.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            return null;
        }
        finally
        {
            _receiveTurn.Release();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> SendWhenReadyAsync(
        ReadOnlyMemory<byte> datagram, PeerAddress receiver, CancellationToken cancellationToken)
    {
        await _sendTurn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (true)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (DatagramSocket.TrySend(_socket, datagram.Span, receiver.Span))
                    return datagram.Length;
                await Writable().WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _sendTurn.Release();
        }
    }

    /// <summary>Made when first needed, which is hardly ever, with a descriptor of its own: a loop watches each only once.</summary>
    private SharedReadiness Writable()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_writable is not null)
                return _writable;
            _sendingSocket = _socket.Duplicate();
            return _writable = new SharedReadiness(_loop, _sendingSocket, EpollEvents.Writable);
        }
    }

    private bool TryReceive(Span<byte> buffer, out Received received)
    {
        Span<byte> address = stackalloc byte[PeerAddress.MaxLength];
        try
        {
            var found = DatagramSocket.TryReceive(_socket, buffer, address, out var length, out var addressLength);
            received = found ? new Received(length, new PeerAddress(address[..addressLength])) : default;
            return found;
        }
        catch (ObjectDisposedException) when (_disposed)
        {
            received = default; // Closed since the caller looked: it looks again.
            return false;
        }
    }

    private static ArgumentException NoReceiver(object receiver, string kind) =>
        new($"A datagram cannot be sent to '{receiver}' ({kind}): give an IPEndPoint, or the address of one.", nameof(receiver));
}
