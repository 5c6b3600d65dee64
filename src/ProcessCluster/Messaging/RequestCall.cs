using System.Collections.Concurrent;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>A request that is handled here, from its arrival to its answer. Reused.</summary>
internal sealed class RequestCall : IThreadPoolWorkItem
{
    private const int MaxSpare = 1024;

    private static readonly ConcurrentQueue<RequestCall> Spare = new();

    private readonly Lock _gate = new();
    private RequestQueue _queue = null!;
    private FrameHeader _header;
    private FrameBytes _frame;
    private CancellationTokenSource? _cancellation;
    private bool _isCancelled;

    public int Source => _header.Source;

    public uint Correlation => _header.Correlation;

    /// <summary>Bytes of room that it takes until it is handled.</summary>
    public int Length => _header.Length;

    public ReadOnlySpan<byte> Name => _frame.Memory.Span.Slice(FrameHeader.Size, _header.NameLength);

    public ReadOnlyMemory<byte> Body => _frame.Memory[_header.BodyStart..];

    /// <summary>When it fails for want of a handler (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long HandlerDeadline { get; set; }

    public bool IsCancelled
    {
        get
        {
            lock (_gate)
            {
                return _isCancelled;
            }
        }
    }

    public CancellationToken CancellationToken
    {
        get
        {
            lock (_gate)
            {
                if (_cancellation is null && _isCancelled)
                    return new CancellationToken(canceled: true);
                return (_cancellation ??= new CancellationTokenSource()).Token;
            }
        }
    }

    public static RequestCall Rent(RequestQueue queue, in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        if (!Spare.TryDequeue(out var call))
            call = new RequestCall();
        call._queue = queue;
        call._header = header;
        call._frame = rented.Array is not null ? rented : FrameBytes.Copy(frame);
        rented = default;
        return call;
    }

    public void Return()
    {
        _frame.Return();
        lock (_gate)
        {
            _cancellation?.Dispose();
            _frame = default;
            _cancellation = null;
            _isCancelled = false;
        }
        if (Spare.Count < MaxSpare)
            Spare.Enqueue(this);
    }

    /// <summary>The requester gave up. Callbacks of the token run on the pool.</summary>
    public void Cancel()
    {
        CancellationTokenSource? cancellation;
        lock (_gate)
        {
            _isCancelled = true;
            cancellation = _cancellation;
        }
        _ = cancellation?.CancelAsync();
    }

    public void Answer<T>(T answer) => _queue.Answer(this, answer);

    void IThreadPoolWorkItem.Execute() => _ = _queue.HandleAsync(this);
}
