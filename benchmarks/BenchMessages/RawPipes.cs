using System.Diagnostics;
using System.IO.Pipes;

namespace BenchMessages;

/// <summary>Two anonymous pipes with blocking reads and writes: what the system itself takes.</summary>
internal sealed class RawPipes : ILinkBenchmark
{
    private const int Size = 100;

    private readonly AnonymousPipeServerStream _toChild = new(PipeDirection.Out, HandleInheritability.Inheritable);
    private readonly AnonymousPipeServerStream _fromChild = new(PipeDirection.In, HandleInheritability.Inheritable);
    private readonly Process _child;

    public RawPipes()
    {
        _child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList = { "raw-child", _toChild.GetClientHandleAsString(), _fromChild.GetClientHandleAsString() },
        })!;
        _toChild.DisposeLocalCopyOfClientHandle();
        _fromChild.DisposeLocalCopyOfClientHandle();
    }

    public static int Serve(string toChild, string toParent)
    {
        using var read = new AnonymousPipeClientStream(PipeDirection.In, toChild);
        using var write = new AnonymousPipeClientStream(PipeDirection.Out, toParent);
        var buffer = new byte[Size];
        while (read.ReadAtLeast(buffer, Size, throwOnEndOfStream: false) == Size)
            write.Write(buffer);
        return 0;
    }

    public Task<double> RoundTripAsync(int count)
    {
        var ticks = new long[count];
        var buffer = new byte[Size];
        for (var i = 0; i < count; i++)
        {
            var start = Stopwatch.GetTimestamp();
            _toChild.Write(buffer);
            _fromChild.ReadExactly(buffer);
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }
        return Task.FromResult(ILinkBenchmark.Median(ticks));
    }

    public Task<double> OneWayAsync(int count) => Task.FromResult(double.NaN);

    public Task<double> BulkAsync(int count) => Task.FromResult(double.NaN);

    public Task<double> AllocatedAsync(int count) => Task.FromResult(double.NaN);

    public async ValueTask DisposeAsync()
    {
        await _toChild.DisposeAsync();
        await _child.WaitForExitAsync();
        await _fromChild.DisposeAsync();
        _child.Dispose();
    }
}
