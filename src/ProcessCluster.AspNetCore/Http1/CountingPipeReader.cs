using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace ProcessCluster.AspNetCore.Http1;

/// <summary>
/// Kestrel's end of the pipe with what was received, which knows how much of it was taken, and whether more is waited for. Of the read that is awaited, which is one at a time, it is the source
/// itself: that costs less than a method that awaits it.
/// </summary>
/// <param name="inner">The pipe's.</param>
/// <param name="wants">Told that more is waited for.</param>
internal sealed class CountingPipeReader(PipeReader inner, Action wants) : PipeReader, IValueTaskSource<ReadResult>
{
    private ReadOnlySequence<byte> _last;
    private ValueTask<ReadResult> _reading;
    private short _version;
    private Action? _goOn;
    private Action<object?>? _continuation;
    private object? _state;
    private long _consumed;
    private bool _isWaiting;

    /// <summary>Gets the number of bytes that were taken. May be read on any thread.</summary>
    public long Consumed => Volatile.Read(ref _consumed);

    /// <summary>
    /// Returns whether Kestrel has taken all the bytes that were received, and waits for more. Call it where bytes are received: nothing arrives meanwhile.
    /// </summary>
    public bool IsDrained(long received) => Consumed == received && Volatile.Read(ref _isWaiting);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _isWaiting, true);
        wants();
        var reading = inner.ReadAsync(cancellationToken);
        if (reading.IsCompletedSuccessfully)
            return new ValueTask<ReadResult>(Seen(reading.Result));
        _reading = reading;
        return new ValueTask<ReadResult>(this, ++_version);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
            return false;
        Seen(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        // In this order: whoever sees that all is taken sees, too, that nobody waits; until somebody does again.
        Volatile.Write(ref _isWaiting, false);
        var taken = _last.Slice(0, consumed).Length;
        _last = default;
        inner.AdvanceTo(consumed, examined);
        Volatile.Write(ref _consumed, _consumed + taken);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        Check(token);
        _version++;
        return Seen(_reading.GetAwaiter().GetResult());
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token)
    {
        Check(token);
        return _reading switch
        {
            { IsCompletedSuccessfully: true } => ValueTaskSourceStatus.Succeeded,
            { IsCanceled: true } => ValueTaskSourceStatus.Canceled,
            { IsFaulted: true } => ValueTaskSourceStatus.Faulted,
            _ => ValueTaskSourceStatus.Pending,
        };
    }

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        Check(token);
        var awaiter = _reading.ConfigureAwait((flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0).GetAwaiter();
        _continuation = continuation;
        _state = state;
        _goOn ??= Resume;
        if ((flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0)
            awaiter.OnCompleted(_goOn);
        else
            awaiter.UnsafeOnCompleted(_goOn);
    }

    private void Resume()
    {
        var (continuation, state) = (_continuation!, _state);
        _continuation = null;
        _state = null;
        continuation(state);
    }

    private void Check(short token)
    {
        if (token != _version)
            throw new InvalidOperationException("A read that is over was asked for its result.");
    }

    private ReadResult Seen(ReadResult result)
    {
        _last = result.Buffer;
        return result;
    }
}
