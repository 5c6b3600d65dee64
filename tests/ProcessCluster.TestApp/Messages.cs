using System.Numerics;

namespace ProcessCluster.TestApp;

[ClusterMessage]
public sealed record Greeting(string Text, int Count);

[ClusterMessage]
public sealed record Ask(int Number);

[ClusterMessage]
public sealed record Cube(int Number);

[ClusterMessage]
public sealed record Answer(long Square);

/// <summary>What a handler of requests is told to do instead of answering.</summary>
[ClusterMessage]
public sealed record Trouble(string Kind);

/// <summary>Asks a worker to send on, or to ask, another one.</summary>
[ClusterMessage]
public sealed record Relay(int To, int Number);

[ClusterMessage]
public sealed record RelayResult(string Text);

/// <summary>Asks a worker to ask all others, and to count how that ends.</summary>
[ClusterMessage]
public sealed record Storm(int[] Others, int Requests);

[ClusterMessage]
public sealed record StormResult(int Answered, int Failed, string[] Errors);

[ClusterMessage]
public sealed record Blob(byte[] Bytes);

/// <summary>The new version of this is in another program: it has a member more and one less.</summary>
[ClusterMessage(Name = "Versioned")]
public sealed record Versioned(string Kept, int Dropped = 5);

[ClusterMessage(Name = "VersionedAnswer")]
public sealed record VersionedAnswer(string Seen, string Kept);

/// <summary>Has a worker give another one trouble.</summary>
[ClusterMessage]
public sealed record RelayTrouble(int To, string Kind);

/// <summary>Values of many types, there and back.</summary>
[ClusterMessage]
public sealed record Everything(
    byte[] Bytes,
    double[] Fractions,
    Dictionary<string, int> Map,
    HashSet<string> Set,
    BigInteger Big,
    decimal Price,
    DateTimeOffset When,
    Guid Id,
    string? Nothing,
    Greeting Inner)
{
    public static Everything Example { get; } = new(
        [0, 127, 128, 255],
        [0.1, -0.0, double.MaxValue, double.NaN, double.NegativeInfinity],
        new() { ["one"] = 1, ["least"] = int.MinValue },
        ["a", "\u00e9"],
        BigInteger.Pow(7, 100),
        -79.228162514264337593543950335m,
        new DateTimeOffset(2024, 2, 29, 23, 59, 59, TimeSpan.FromHours(5.5)).AddTicks(1),
        new Guid("00112233-4455-6677-8899-aabbccddeeff"),
        null,
        new Greeting("within", 3));

    public string Describe() => string.Join(
        " | ",
        Convert.ToHexString(Bytes),
        string.Join(' ', Fractions.Select(f => BitConverter.DoubleToInt64Bits(f).ToString("x"))),
        string.Join(' ', Map.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key}={e.Value}")),
        string.Join(' ', Set.Order(StringComparer.Ordinal)),
        Big,
        Price,
        When.ToString("O"),
        Id,
        Nothing ?? "null",
        Inner);
}
