using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace ProcessCluster.AspNetCore.Drain;

/// <summary>Kestrel's end of the pipe with what was received, which knows how much of it was taken, and whether more is waited for.</summary>
/// <param name="inner">The pipe's.</param>
/// <param name="wants">Told that more is waited for.</param>
internal sealed class TrackedReader(PipeReader inner, Action wants) : PipeReader
{
    private ReadOnlySequence<byte> _last;
    private long _consumed;
    private bool _isWaiting;

    /// <summary>How many bytes were taken. May be read on any thread.</summary>
    public long Consumed => Volatile.Read(ref _consumed);

    /// <summary>
    /// Whether so many bytes, all that were received, were taken and the next are waited for. Only who receives can say so: nothing comes meanwhile.
    /// </summary>
    public bool IsDrained(long received) => Consumed == received && Volatile.Read(ref _isWaiting);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _isWaiting, true);
        wants();
        var reading = inner.ReadAsync(cancellationToken);
        if (!reading.IsCompletedSuccessfully)
            return AwaitAsync(reading);
        var result = reading.Result;
        _last = result.Buffer;
        return new ValueTask<ReadResult>(result);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
            return false;
        _last = result.Buffer;
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

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AwaitAsync(ValueTask<ReadResult> reading)
    {
        var result = await reading.ConfigureAwait(false);
        _last = result.Buffer;
        return result;
    }
}
