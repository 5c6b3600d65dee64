using System.Globalization;
using Xunit.Abstractions;

namespace ProcessCluster.Specs;

/// <summary>
/// Sixteen workers that all ask all others at once, while some are killed. STORM_REQUESTS is how many requests each of them sends; 100000
/// take about 20 s on two processors.
/// </summary>
public sealed class MessageStorm(ITestOutputHelper output)
{
    private const int Workers = 16, Kills = 4;

    private static readonly int Requests =
        int.Parse(Environment.GetEnvironmentVariable("STORM_REQUESTS") ?? "30000", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Every_request_ends_though_workers_are_killed_and_nothing_is_left()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork messages");
        await cluster.Expect("^worker 1 handles$");
        cluster.Send("disconnect 1"); // What is made once is there from here on.
        await cluster.Expect("^gone 1$");
        var before = Descriptors(cluster.Id);
        Assert.InRange(before, 5, 100);
        for (var i = 0; i < Workers; i++)
            cluster.Send("fork messages");
        await cluster.ExpectAll(@"^worker \d+ handles$", Workers + 1);

        cluster.Send($"storm {Requests} {Kills}");
        var over = await cluster.Expect(
            @"^storm over: (\d+) workers, (\d+) answered, (\d+) failed, (\d+) per second$", TimeSpan.FromSeconds(30 + (Requests / 500)));
        output.WriteLine(over.Value);
        var numbers = over.Groups.Values.Skip(1).Select(group => long.Parse(group.Value, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(Workers - Kills, numbers[0]);
        Assert.Equal((long)(Workers - Kills) * Requests, numbers[1] + numbers[2]);
        Assert.InRange(numbers[1], 1, long.MaxValue);
        Assert.InRange(numbers[2], 1, long.MaxValue);
        Assert.Equal(Kills, cluster.Count("^lost "));
        // Whatever failed did because a worker was gone: nothing waited for its deadline, and no answer was another one's.
        Assert.Equal(cluster.Count("^error "), cluster.Count("^error PeerGoneException: "));

        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.Empty(cluster.Descendants);
        Assert.Equal(before, Descriptors(cluster.Id));
    }

    /// <summary>Pipes, sockets and the like; files are assemblies that the runtime loads when it comes to them.</summary>
    private static int Descriptors(int id) => Directory.GetFiles($"/proc/{id}/fd")
        .Count(path => File.ResolveLinkTarget(path, returnFinalTarget: false) is { } target && target.Name.Contains(":[", StringComparison.Ordinal));
}
