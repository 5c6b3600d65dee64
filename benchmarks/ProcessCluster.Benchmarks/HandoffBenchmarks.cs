using BenchmarkDotNet.Attributes;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Benchmarks;

/// <summary>A descriptor through a socket pair and the answer back, within one process: the system's part of a hand-off.</summary>
[MemoryDiagnoser]
public unsafe class HandoffBenchmarks
{
    private readonly byte[] _offer = new byte[24];
    private readonly byte[] _answer = new byte[8];
    private readonly byte[] _received = new byte[HandoffSocket.MaxMessage];
    private Descriptor _primary = null!;
    private Descriptor _worker = null!;
    private Descriptor _connection = null!;

    [GlobalSetup]
    public void OpenPair()
    {
        var pair = stackalloc int[2];
        if (Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.SOCK_CLOEXEC, 0, pair) < 0)
            throw Libc.LastException("No socket pair could be opened");
        (_primary, _worker) = (new Descriptor(pair[0]), new Descriptor(pair[1]));
        _connection = new Descriptor(Libc.eventfd(0, Libc.EFD_CLOEXEC));
    }

    [GlobalCleanup]
    public void Close()
    {
        _primary.Dispose();
        _worker.Dispose();
        _connection.Dispose();
    }

    [Benchmark]
    public int OfferAnswerClose()
    {
        HandoffSocket.Send(_primary, _offer, _connection.Number);
        var length = HandoffSocket.Receive(_worker, _received, out var descriptor, out _);
        HandoffSocket.Answer(_worker, _answer);
        length += HandoffSocket.Receive(_primary, _received, out _, out _);
        return length + Libc.close(descriptor);
    }
}
