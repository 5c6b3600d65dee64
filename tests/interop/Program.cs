using System.Buffers;
using System.Text.Json;
using ProcessCluster.Interop;
using ProcessCluster.Serialization;
using ProcessCluster.Testing;

// write <seed> <count> <path>: values as MessagePack into <path>.msgpack, one after another, and described as JSON into <path>.jsonl,
// one on each line. read <path>: reads both and compares them. See MessagePackDescription for the descriptions.
var options = new JsonDocumentOptions { MaxDepth = 1000 };
return args switch
{
    ["write", var seed, var count, var path] => Write(int.Parse(seed, null), int.Parse(count, null), path),
    ["read", var path] => Read(path),
    _ => throw new ArgumentException("Call it with: write <seed> <count> <path>, or: read <path>"),
};

int Write(int seed, int count, string path)
{
    var values = new ValueGenerator(seed);
    var output = new ArrayBufferWriter<byte>();
    using var descriptions = new StreamWriter($"{path}.jsonl");
    var writer = new MessagePackWriter(output);
    for (var i = 0; i < count; i++)
    {
        var description = values.Next();
        MessagePackDescription.Write(ref writer, JsonElement.Parse(description, options));
        descriptions.WriteLine(description);
    }
    writer.Flush();
    File.WriteAllBytes($"{path}.msgpack", output.WrittenSpan);
    return 0;
}

int Read(string path)
{
    var reader = new MessagePackReader(File.ReadAllBytes($"{path}.msgpack"));
    var (count, mismatches) = (0, 0);
    foreach (var line in File.ReadLines($"{path}.jsonl"))
    {
        var actual = MessagePackDescription.Describe(ref reader);
        if (!JsonElement.DeepEquals(JsonElement.Parse(line, options), JsonElement.Parse(actual, options)))
        {
            Console.Error.WriteLine($"Value {count}: expected {Beginning(line)}, read {Beginning(actual)}");
            mismatches++;
        }
        count++;
    }
    if (!reader.IsAtEnd)
    {
        Console.Error.WriteLine($"After {count} values there is more, from offset {reader.Consumed} on.");
        mismatches++;
    }
    Console.WriteLine($"{count} {mismatches}");
    return mismatches == 0 ? 0 : 1;
}

static string Beginning(string text) => text.Length <= 250 ? text : $"{text.AsSpan(0, 250)}…";
