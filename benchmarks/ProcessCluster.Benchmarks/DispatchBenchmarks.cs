using System.Text;
using BenchmarkDotNet.Attributes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Protocol;

namespace ProcessCluster.Benchmarks;

/// <summary>What the primary does for each connection besides the system's calls: choosing a worker, writing the offer, taking the answer.</summary>
[MemoryDiagnoser, MinColumn]
public class DispatchBenchmarks
{
    private readonly RoundRobinSet _free = new(0, TimeProvider.System);
    private readonly byte[] _message = new byte[HandoffSocket.MaxMessage];
    private readonly PeerAddress _peer = new(new byte[16]);

    [Params(2, 64, 1024)]
    public int Workers { get; set; }

    [GlobalSetup]
    public void SeatWorkers()
    {
        for (var i = 0; i < Workers; i++)
            _free.Add(new Candidate(null!, null!));
    }

    [Benchmark]
    public bool OfferAndAnswer()
    {
        _free.TryTake(default, out var candidate);
        var length = HandoffCodec.WriteOffer(_message, 1, 1, 0, OfferKinds.None, _peer);
        HandoffCodec.WriteAnswer(_message, 1, OfferAnswer.BoardChanged);
        var isAnswer = HandoffCodec.TryReadAnswer(_message.AsSpan(0, HandoffCodec.AnswerSize), out _, out var answer);
        _free.Answered(candidate!);
        return isAnswer && answer == OfferAnswer.BoardChanged && length > 0;
    }
}

/// <summary>
/// A choice that looks at every worker, and, where the policy has a key in the first bytes, at these. Putting together what it sees of each worker,
/// some reads of memory, is not in it.
/// </summary>
[MemoryDiagnoser, MinColumn]
public class PolicyBenchmarks
{
    private readonly byte[] _client = [127, 0, 0, 1];
    private DispatchCandidate[] _workers = [];
    private byte[] _sent = [];
    private IDispatchPolicy _policy = null!;

    [Params(2, 64, 1024)]
    public int Workers { get; set; }

    [Params(
        DispatchPolicy.LeastConnections,
        DispatchPolicy.LeastBusy,
        DispatchPolicy.ClientAddress,
        DispatchPolicy.Weighted,
        DispatchPolicy.Random,
        DispatchPolicy.Cookie,
        DispatchPolicy.Header,
        DispatchPolicy.ServerName)]
    public DispatchPolicy Policy { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        _workers = [.. Enumerable.Range(0, Workers).Select(static slot => new DispatchCandidate(slot + 1, slot, 1, 1, slot % 7, slot % 5, IsFree: true))];
        _policy = BuiltInPolicies.Create(Policy, "tenant")!;
        _sent = Policy switch
        {
            DispatchPolicy.Cookie or DispatchPolicy.Header => Encoding.ASCII.GetBytes(
                "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nTenant: north\r\nCookie: theme=dark; tenant=north\r\n\r\n"),
            DispatchPolicy.ServerName => ClientHello("north.example"),
            _ => [],
        };
    }

    [Benchmark]
    public int Choose() => _policy.Choose(new DispatchConnection(_client, 4711, _sent), _workers);

    /// <summary>The least that RFC 8446, 4.1.2, and RFC 6066, 3, allow.</summary>
    private static byte[] ClientHello(string name)
    {
        byte[] host = [0, .. Sized([.. Encoding.ASCII.GetBytes(name)])];
        byte[] extensions = [0, 0, .. Sized(Sized(host))];
        byte[] hello = [3, 3, .. new byte[32], 0, .. Sized([0x13, 0x01]), 1, 0, .. Sized(extensions)];
        return [22, 3, 1, .. Sized([1, 0, .. Sized(hello)])];

        static byte[] Sized(byte[] bytes) => [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }
}
