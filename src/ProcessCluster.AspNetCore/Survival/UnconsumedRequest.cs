using System.Net.Sockets;

namespace ProcessCluster.AspNetCore.Survival;

/// <summary>
/// Receives so that a request stays with the kernel while it is served, and another worker could serve it as well: what Kestrel gets is a copy. That begins when nothing on the connection
/// is half done, and ends before the first byte of a response is sent, or when there is too much, or the client has ended the stream: then the bytes that Kestrel has are thrown away, and
/// those that follow are received as ever. One receives, others may discard; thread-safe.
/// </summary>
internal sealed class UnconsumedRequest(UnconsumedRequest.ISource source)
{
    /// <summary>Less than this is left there.</summary>
    public const int MaxBytes = 16 * 1024;

    [ThreadStatic]
    private static byte[]? _buffer;

    private readonly Lock _gate = new();
    private bool _isLeaving;
    private int _count;

    /// <summary>The connection.</summary>
    public interface ISource
    {
        /// <summary>Gets whether nothing follows the bytes that are there.</summary>
        bool HasReceivedEnd { get; }

        /// <summary>Gets the number of bytes that are there.</summary>
        int Available { get; }

        bool TryPeek(Span<byte> buffer, out int peeked);

        bool TryReceive(Span<byte> buffer, out int received);

        void Discard(int count);
    }

    /// <summary>Gets whether the kernel still has all the bytes since <see cref="Begin"/>, and there are some.</summary>
    public bool IsThere
    {
        get
        {
            lock (_gate)
                return _isLeaving && _count > 0;
        }
    }

    /// <summary>Gets whether the kernel has bytes that Kestrel has not read.</summary>
    public bool HasUnread
    {
        get
        {
            lock (_gate)
                return source.Available > _count;
        }
    }

    /// <summary>Notes that the next byte begins a request: all before it are answered.</summary>
    public void Begin()
    {
        lock (_gate)
            _isLeaving = true;
    }

    /// <summary>As <see cref="ClusterConnection.TryReceive"/>, for who receives: what does not fill the buffer is all that is there.</summary>
    public bool TryReceive(Span<byte> buffer, out int received)
    {
        lock (_gate)
        {
            if (!_isLeaving)
                return source.TryReceive(buffer, out received);
            return _count == 0 ? TryPeekFirst(buffer, out received) : TryPeekMore(buffer, out received);
        }
    }

    /// <summary>Nobody shall get the bytes again. Where it matters that has been said before.</summary>
    public void Discard()
    {
        lock (_gate)
        {
            _isLeaving = false;
            if (_count == 0)
                return;
            try
            {
                source.Discard(_count);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // It is broken or closed, and nobody gets it any more.
            }
            _count = 0;
        }
    }

    private bool TryPeekFirst(Span<byte> buffer, out int received)
    {
        if (!source.TryPeek(buffer, out received))
            return false;
        _count = received;
        return true;
    }

    /// <summary>A look begins with what Kestrel has already.</summary>
    private bool TryPeekMore(Span<byte> buffer, out int received)
    {
        var all = (_buffer ??= new byte[MaxBytes]).AsSpan(0, Math.Min(MaxBytes, _count + buffer.Length));
        received = source.TryPeek(all, out var peeked) ? Math.Max(0, peeked - _count) : 0;
        if (peeked == MaxBytes || (received == 0 && source.HasReceivedEnd))
        {
            Discard();
            return source.TryReceive(buffer, out received);
        }
        all.Slice(_count, received).CopyTo(buffer);
        _count += received;
        return received > 0;
    }
}
