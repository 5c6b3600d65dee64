using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using ProcessCluster.Messaging.Links;

namespace ProcessCluster.Messaging;

/// <summary>A request that waits for its answer. Completed once, by whoever took it out of <see cref="PendingRequests"/>.</summary>
internal abstract class PendingRequest : IThreadPoolWorkItem
{
    /// <summary>When it is given up (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long Deadline { get; set; }

    /// <summary>The process that was asked.</summary>
    public int Target { get; set; }

    /// <summary>The wire name of its type, for errors.</summary>
    public byte[] Name { get; set; } = [];

    /// <summary>Set while it waits for room in the outbox.</summary>
    public SendWaiter? Waiter { get; set; }

    /// <summary>Gets or sets the registration of the requester's token.</summary>
    public CancellationTokenRegistration Registration { get; set; }

    /// <summary>Takes the answer; the requester goes on when this is executed.</summary>
    public abstract void Answer(ReadOnlySpan<byte> body);

    /// <summary>Takes the failure, and lets the requester go on on the thread pool.</summary>
    public abstract void Fail(Exception exception);

    public abstract void Execute();
}

/// <inheritdoc/>
internal sealed class PendingRequest<TAnswer> : PendingRequest, IValueTaskSource<TAnswer>
{
    private const int MaxSpare = 1024;

    private static readonly ConcurrentQueue<PendingRequest<TAnswer>> Spare = new();

    private ManualResetValueTaskSourceCore<FrameBytes> _source;
    private FrameBytes _answer;
    private Exception? _failure;
    private IMessageSerializer? _serializer;

    /// <param name="serializer">Reads the answer; null when the answer is only that the message got on.</param>
    public static PendingRequest<TAnswer> Rent(IMessageSerializer? serializer)
    {
        if (!Spare.TryDequeue(out var request))
            request = new PendingRequest<TAnswer>();
        request._serializer = serializer;
        return request;
    }

    public ValueTask<TAnswer> Task => new(this, _source.Version);

    public override void Answer(ReadOnlySpan<byte> body) => _answer = _serializer is null ? default : FrameBytes.Copy(body);

    public override void Fail(Exception exception)
    {
        _failure = exception;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    public override void Execute()
    {
        if (_failure is not null)
            _source.SetException(_failure);
        else
            _source.SetResult(_answer);
    }

    /// <summary>Gives back one that was never waited for.</summary>
    public void Return()
    {
        _source.Reset();
        _serializer = null;
        Waiter = null;
        Registration = default;
        _answer = default;
        _failure = null;
        if (Spare.Count < MaxSpare)
            Spare.Enqueue(this);
    }

    /// <summary>The answer is read here, by the requester: its type's code runs on his thread, and what it throws is his.</summary>
    TAnswer IValueTaskSource<TAnswer>.GetResult(short token)
    {
        Registration.Dispose();
        try
        {
            var bytes = _source.GetResult(token);
            try
            {
                return _serializer is null ? default! : _serializer.Deserialize<TAnswer>(bytes.Memory);
            }
            finally
            {
                bytes.Return();
            }
        }
        finally
        {
            Return();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<TAnswer>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<TAnswer>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
