using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using ProcessCluster.AspNetCore.Http1;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>The reader that counts what is taken is for Kestrel the pipe's own in everything else.</summary>
public sealed class TrackedReading
{
    private readonly Pipe _pipe = new(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));
    private readonly CountingPipeReader _reader;
    private int _wanted;

    public TrackedReading() => _reader = new CountingPipeReader(_pipe.Reader, () => _wanted++);

    [Fact]
    public async Task What_is_taken_of_reads_that_were_awaited_and_of_others_is_counted()
    {
        var reading = _reader.ReadAsync().AsTask();
        Assert.False(reading.IsCompleted);
        Assert.True(_reader.IsDrained(0));
        await _pipe.Writer.WriteAsync(new byte[10]);
        Assert.False(_reader.IsDrained(10));
        var result = await reading;
        Assert.Equal(10, result.Buffer.Length);
        _reader.AdvanceTo(result.Buffer.GetPosition(4), result.Buffer.End);
        Assert.Equal(4, _reader.Consumed);
        await _pipe.Writer.WriteAsync(new byte[5]);
        Assert.True(_reader.TryRead(out result));
        _reader.AdvanceTo(result.Buffer.GetPosition(1));
        result = await _reader.ReadAsync();
        Assert.Equal(10, result.Buffer.Length);
        _reader.AdvanceTo(result.Buffer.End);
        Assert.Equal(15, _reader.Consumed);
        Assert.False(_reader.IsDrained(15)); // Nobody waits.
        var last = _reader.ReadAsync().AsTask();
        Assert.True(_reader.IsDrained(15));
        Assert.False(last.IsCompleted);
        Assert.Equal(3, _wanted);
    }

    [Fact]
    public async Task Reads_end_as_those_of_the_pipe_do()
    {
        using var cancelled = new CancellationTokenSource();
        var reading = _reader.ReadAsync(cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        Assert.Equal(cancelled.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading)).CancellationToken);

        reading = _reader.ReadAsync().AsTask();
        _reader.CancelPendingRead();
        Assert.True((await reading).IsCanceled);
        _reader.AdvanceTo((await reading).Buffer.End);

        reading = _reader.ReadAsync().AsTask();
        var failure = new IOException("the end");
        await _pipe.Writer.CompleteAsync(failure);
        Assert.Same(failure, await Assert.ThrowsAsync<IOException>(() => reading));
        Assert.Same(failure, await Assert.ThrowsAsync<IOException>(() => _reader.ReadAsync().AsTask()));
    }

    [Fact]
    public async Task A_read_gives_its_result_once()
    {
        var source = (IValueTaskSource<ReadResult>)_reader;
        var reading = _reader.ReadAsync().AsTask(); // The first one: its token is 1.
        await _pipe.Writer.WriteAsync(new byte[1]);
        _reader.AdvanceTo((await reading).Buffer.End);
        Assert.Throws<InvalidOperationException>(() => source.GetResult(1));
        Assert.Throws<InvalidOperationException>(() => source.GetStatus(1));
        Assert.Throws<InvalidOperationException>(() => source.OnCompleted(_ => { }, null, 1, ValueTaskSourceOnCompletedFlags.None));
    }

    [Theory]
    [InlineData(ValueTaskSourceOnCompletedFlags.FlowExecutionContext, "of who waits")]
    [InlineData(ValueTaskSourceOnCompletedFlags.None, "of who writes")]
    public async Task Who_waits_gets_the_context_that_it_asks_for(ValueTaskSourceOnCompletedFlags flags, string expected)
    {
        var local = new AsyncLocal<string> { Value = "of who waits" };
        string? seen = null;
        Assert.False(IsOver(_reader.ReadAsync())); // The first one: its token is 1.
        ((IValueTaskSource<ReadResult>)_reader).OnCompleted(_ => seen = local.Value, null, 1, flags);
        local.Value = "of who writes";
        await _pipe.Writer.WriteAsync(new byte[1]);
        Assert.Equal(expected, seen);

        static bool IsOver(ValueTask<ReadResult> reading) => reading.IsCompleted;
    }

    [Fact]
    public async Task Reads_that_are_awaited_allocate_nothing()
    {
        var awaiting = Read();
        await Write(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var writing = Write(1000);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(writing.IsCompleted); // On this thread, and so were the reads.
        Assert.Equal(11_000, _reader.Consumed);
        Assert.False(awaiting.IsCompleted);
        Assert.InRange(allocated, 0, 12_000); // Something for each read would be 24,000 and more; the pipe's buffer, once or twice, is what the shared pool gave away meanwhile.

        async Task Write(int times)
        {
            for (var i = 0; i < times; i++)
            {
                _pipe.Writer.GetSpan(10);
                _pipe.Writer.Advance(10);
                await _pipe.Writer.FlushAsync();
            }
        }

        async Task Read()
        {
            while (true)
                _reader.AdvanceTo((await _reader.ReadAsync()).Buffer.End);
        }
    }
}
