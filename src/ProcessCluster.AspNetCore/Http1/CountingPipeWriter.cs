using System.IO.Pipelines;

namespace ProcessCluster.AspNetCore.Http1;

/// <summary>Kestrel's end of the pipe with what is to be sent, which knows how much that was, and whether it was whole responses.</summary>
internal sealed class CountingPipeWriter(PipeWriter inner) : PipeWriter
{
    private Memory<byte> _last;
    private long _written;
    private int _completed;

    /// <summary>Gets the number of bytes that were written, flushed or not. May be read on any thread.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Gets the scanner that finds whole responses among them.</summary>
    public ResponseScanner Bounds { get; } = new();

    /// <summary>Gets the number of responses that are whole. May be read on any thread.</summary>
    public int Completed => Volatile.Read(ref _completed);

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public override void Advance(int bytes)
    {
        if (bytes > _last.Length)
            Bounds.Lose();
        Wrote(_last.Span[..Math.Min(bytes, _last.Length)], bytes);
        _last = _last[Math.Min(bytes, _last.Length)..];
        inner.Advance(bytes);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => _last = inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        _last = default;
        return inner.FlushAsync(cancellationToken);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        _last = default;
        Wrote(source.Span, source.Length);
        return inner.WriteAsync(source, cancellationToken);
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private void Wrote(ReadOnlySpan<byte> bytes, int count)
    {
        // In this order: whoever sees the new length sees, too, what is whole of it; and whoever sees that a response is whole, that it is there and has yet to be sent.
        Bounds.Add(bytes);
        Volatile.Write(ref _written, _written + count);
        Volatile.Write(ref _completed, Bounds.Completed);
    }
}
