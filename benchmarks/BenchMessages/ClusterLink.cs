using System.Diagnostics;
using ProcessCluster;

namespace BenchMessages;

/// <summary>A primary and one worker.</summary>
internal sealed class ClusterLink : ILinkBenchmark
{
    private readonly ClusterWorker _worker;
    private readonly byte[] _payload = new byte[80];
    private readonly byte[] _blob = new byte[1024 * 1024];

    private ClusterLink(ClusterWorker worker) => _worker = worker;

    public static async Task<ClusterLink> StartAsync()
    {
        Cluster.Configure(new ClusterOptions { RequestTimeout = TimeSpan.FromMinutes(5) });
        var link = new ClusterLink(Cluster.Fork());
        await link.RoundTripAsync(1);
        return link;
    }

    public async Task<double> RoundTripAsync(int count)
    {
        var ticks = new long[count];
        for (var i = 0; i < count; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var answer = await _worker.RequestAsync<Echo, EchoAnswer>(new Echo(i, _payload));
            ticks[i] = Stopwatch.GetTimestamp() - start;
            if (answer.Id != i || answer.Payload.Length != _payload.Length)
                throw new InvalidDataException("A wrong answer.");
        }
        return ILinkBenchmark.Median(ticks);
    }

    public async Task<double> OneWayAsync(int count)
    {
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
            await _worker.SendAsync(new Small(i, _payload));
        await _worker.RequestAsync<Expect, Done>(new Expect(count));
        return count / watch.Elapsed.TotalSeconds;
    }

    public async Task<double> BulkAsync(int count)
    {
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
            await _worker.SendAsync(new Blob(_blob));
        var done = await _worker.RequestAsync<Expect, Done>(new Expect(count));
        return done.Bytes / watch.Elapsed.TotalSeconds;
    }

    public async Task<double> AllocatedAsync(int count)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await OneWayAsync(count);
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)count;
    }

    public async ValueTask DisposeAsync() => await Cluster.DisconnectAsync();
}

/// <summary>The worker: answers and counts.</summary>
internal static class Peer
{
    public static async Task<int> ServeAsync()
    {
        var handled = 0;
        var bytes = 0L;
        var expected = int.MaxValue;
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        void Count(int length)
        {
            bytes += length;
            if (Interlocked.Increment(ref handled) == Volatile.Read(ref expected))
                reached.SetResult();
        }

        using var a = Cluster.OnRequest<Echo, EchoAnswer>((echo, _) => new EchoAnswer(echo.Id, echo.Payload));
        using var b = Cluster.OnMessage<Small>((small, _) => Count(small.Payload.Length));
        using var c = Cluster.OnMessage<Blob>((blob, _) => Count(blob.Bytes.Length));
        using var d = Cluster.OnRequest<Expect, Done>(async (expect, _) =>
        {
            Volatile.Write(ref expected, expect.Messages);
            if (Volatile.Read(ref handled) < expect.Messages)
                await reached.Task;
            reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (handled, expected) = (0, int.MaxValue);
            return new Done(Interlocked.Exchange(ref bytes, 0));
        });
        await Cluster.WaitForShutdownAsync();
        return 0;
    }
}
