using System.Buffers;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using ProcessCluster.Serialization;

namespace ProcessCluster.Benchmarks;

/// <summary>
/// A record of ten members into bytes and back: generated code for MessagePack against System.Text.Json's generated code. Both write to
/// a buffer that is used again, and read from an array.
/// </summary>
[MemoryDiagnoser]
[CategoriesColumn]
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class SerializationBenchmarks
{
    private readonly ArrayBufferWriter<byte> _output = new(4096);
    private Utf8JsonWriter _json = null!;
    private byte[] _messagePackBytes = [];
    private byte[] _jsonBytes = [];

    [GlobalSetup]
    public void Encode()
    {
        _json = new Utf8JsonWriter(_output);
        MessagePackEncode();
        _messagePackBytes = _output.WrittenSpan.ToArray();
        JsonEncode();
        _jsonBytes = _output.WrittenSpan.ToArray();
        if (!IsExample(MessagePackDecode()) || !IsExample(JsonDecode()))
            throw new InvalidOperationException("What was read is not what was written.");
        Console.WriteLine($"// Bytes: MessagePack {_messagePackBytes.Length}, JSON {_jsonBytes.Length}");
    }

    [Benchmark]
    [BenchmarkCategory("encode")]
    public int MessagePackEncode()
    {
        _output.ResetWrittenCount();
        GeneratedMessageSerializer.Instance.Serialize(Order.Example, _output);
        return _output.WrittenCount;
    }

    [Benchmark(Baseline = true)]
    [BenchmarkCategory("encode")]
    public int JsonEncode()
    {
        _output.ResetWrittenCount();
        _json.Reset();
        JsonSerializer.Serialize(_json, Order.Example, JsonContext.Default.Order);
        return _output.WrittenCount;
    }

    [Benchmark]
    [BenchmarkCategory("decode")]
    public Order MessagePackDecode() => GeneratedMessageSerializer.Instance.Deserialize<Order>(_messagePackBytes);

    [Benchmark(Baseline = true)]
    [BenchmarkCategory("decode")]
    public Order JsonDecode() => JsonSerializer.Deserialize(_jsonBytes, JsonContext.Default.Order)!;

    private static bool IsExample(Order order) =>
        order with { Quantities = Order.Example.Quantities } == Order.Example && order.Quantities.SequenceEqual(Order.Example.Quantities);
}
