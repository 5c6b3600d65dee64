using BenchmarkDotNet.Attributes;
using ProcessCluster.Platform;
using ProcessCluster.Primary.Listening;
using ProcessCluster.Wire;

namespace ProcessCluster.Benchmarks;

/// <summary>What the primary does for each connection besides the system's calls: choosing a worker, writing the offer, taking the answer.</summary>
[MemoryDiagnoser]
public class DispatchBenchmarks
{
    private readonly FreeSeats _free = new();
    private readonly byte[] _message = new byte[HandoffSocket.MaxMessage];
    private readonly PeerAddress _peer = new(new byte[16]);

    [Params(2, 64, 1024)]
    public int Workers { get; set; }

    [GlobalSetup]
    public void SeatWorkers()
    {
        for (var i = 0; i < Workers; i++)
            _free.Add(new Seat(null!, null!));
    }

    [Benchmark]
    public bool OfferAndAnswer()
    {
        _free.TryTake(out var seat);
        var length = Handoff.WriteOffer(_message, 1, 1, _peer);
        Handoff.WriteAnswer(_message, 1, accepted: true);
        var isAnswer = Handoff.TryReadAnswer(_message.AsSpan(0, Handoff.AnswerSize), out _, out var accepted);
        _free.Answered(seat!);
        return isAnswer && accepted && length > 0;
    }
}
