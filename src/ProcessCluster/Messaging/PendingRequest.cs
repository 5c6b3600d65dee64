using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using ProcessCluster.Ipc;

namespace ProcessCluster.Messaging;

/// <summary>A request that waits for its answer. Completed once, by whoever took it out of <see cref="PendingRequests"/>.</summary>
internal abstract class PendingRequest
{
    /// <summary>When it is given up (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long Deadline { get; set; }

    /// <summary>The process that was asked.</summary>
    public int Target { get; set; }

    /// <summary>The wire name of its type, for errors.</summary>
    public byte[] Name { get; set; } = [];

    /// <summary>Set while it waits for room in the outbox.</summary>
    public Ipc.SendWaiter? Waiter { get; set; }

    /// <summary>Where the requester's token is watched.</summary>
    public CancellationTokenRegistration Registration { get; set; }

    public abstract void Answer(ReadOnlySpan<byte> body);

    public abstract void Fail(Exception exception);
}

/// <inheritdoc/>
internal sealed class PendingRequest<TAnswer> : PendingRequest, IValueTaskSource<TAnswer>
{
    private const int MaxSpare = 1024;

    private static readonly ConcurrentQueue<PendingRequest<TAnswer>> Spare = new();

    // The requester goes on on the pool: the thread that reads the link is not his.
    private ManualResetValueTaskSourceCore<FrameBytes> _source = new() { RunContinuationsAsynchronously = true };
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

    public override void Answer(ReadOnlySpan<byte> body) => _source.SetResult(_serializer is null ? default : FrameBytes.Copy(body));

    public override void Fail(Exception exception) => _source.SetException(exception);

    /// <summary>Gives back one that was never waited for.</summary>
    public void Return()
    {
        _source.Reset();
        (_serializer, Waiter, Registration) = (null, null, default);
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
