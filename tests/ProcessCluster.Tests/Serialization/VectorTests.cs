using System.Security.Cryptography;
using System.Text.Json;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

/// <summary>Values with the bytes that another implementation gives them: vectors.json, which vectors.py makes.</summary>
public sealed class VectorTests
{
    private static readonly JsonElement Vectors = JsonElement.Parse(File.ReadAllText(
        Path.Combine(TestPaths.Repository, "tests", "ProcessCluster.Tests", "Serialization", "vectors.json")));

    public static TheoryData<int, string> Samples()
    {
        var samples = new TheoryData<int, string>();
        for (var i = 0; i < Vectors.GetArrayLength(); i++)
            samples.Add(i, Vectors[i].GetProperty("value").GetRawText());
        return samples;
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_value_has_the_bytes_that_others_give_it_and_is_read_from_them(int index, string _)
    {
        var vector = Vectors[index];
        var value = vector.GetProperty("value");
        var bytes = Encoded.By((ref writer) => MessagePackDescription.Write(ref writer, value));

        if (vector.TryGetProperty("bytes", out var expected))
        {
            Assert.Equal(expected.GetString(), Convert.ToHexStringLower(bytes));
        }
        else
        {
            Assert.Equal(vector.GetProperty("length").GetInt32(), bytes.Length);
            Assert.Equal(vector.GetProperty("head").GetString(), Convert.ToHexStringLower(bytes.AsSpan(0, 8)));
            Assert.Equal(vector.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }

        var reader = new MessagePackReader(bytes);
        var read = JsonElement.Parse(MessagePackDescription.Describe(ref reader));
        Assert.True(reader.IsAtEnd);
        Assert.True(JsonElement.DeepEquals(Expand(value), read), $"read as {read.GetRawText()}");

        reader = new MessagePackReader(bytes);
        reader.Skip();
        Assert.True(reader.IsAtEnd);
    }

    [Fact]
    public void There_are_enough_of_them() => Assert.True(Vectors.GetArrayLength() >= 200);

    /// <summary>The description without rules, and with all floats in 64 bits: what a reader can tell.</summary>
    private static JsonElement Expand(JsonElement value)
    {
        string Times(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
        return value[0].GetString() switch
        {
            "str*" => Make("str", Times(value[1].GetString()!, value[2].GetInt32())),
            "bin*" => Make("bin", Times(value[1].GetString()!, value[2].GetInt32())),
            "ext*" => Make("ext", value[1].GetInt32(), Times("5a", value[2].GetInt32())),
            "array*" => Make("array", Enumerable.Repeat(value[1], value[2].GetInt32())),
            "map*" => Make("map", Enumerable.Range(0, value[1].GetInt32()).Select(key => new object[] { new[] { "int", $"{key}" }, new[] { "nil" } })),
            "float32" => Make("float", BitConverter.DoubleToUInt64Bits(
                BitConverter.UInt32BitsToSingle(Convert.ToUInt32(value[1].GetString(), 16))).ToString("x16", null)),
            "array" => Make("array", value[1].EnumerateArray().Select(Expand)),
            "map" => Make("map", value[1].EnumerateArray().Select(pair => new[] { Expand(pair[0]), Expand(pair[1]) })),
            _ => value,
        };
    }

    private static JsonElement Make(params object[] parts) => JsonSerializer.SerializeToElement(parts);
}
