using System.Globalization;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// Random schedules of everything that happens on a connection: bytes that come in parts, requests sent ahead, responses of every form written and sent in parts, moves, and kills at any
/// call of the transport. The transport, the reports, the shared memory and the primary's decision are the product's own. The client, the kernel and Kestrel are models.
/// </summary>
public sealed class SurvivalSchedules
{
    [Fact]
    public Task Every_request_is_answered_once_or_its_connection_ends_and_idle_connections_live() => OnOneThread(() =>
    {
        // Set SCHEDULES for more, SEED for others.
        var schedules = Number("SCHEDULES", 20_000);
        var first = Number("SEED", 1);
        var outcomes = new Dictionary<string, int>();
        for (var seed = first; seed < first + schedules; seed++)
        {
            foreach (var outcome in Run(seed).Outcomes)
                outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }
        Console.WriteLine($"{schedules} schedules from seed {first}: {string.Join(", ", outcomes.OrderBy(o => o.Key).Select(o => $"{o.Key} {o.Value}"))}");
        foreach (var outcome in (string[])["all answered", "moved", "survived idle", "answered 502", "cut", "replayed", "executed twice"])
            Assert.True(outcomes.GetValueOrDefault(outcome) > schedules / 100, $"Hardly ever: {outcome}.");
    });

    [Fact]
    public Task A_seed_gives_the_same_schedule_each_time() => OnOneThread(() =>
    {
        for (var seed = 1; seed <= 200; seed++)
            Assert.Equal(Run(seed).Trace, Run(seed).Trace);
    });

    private static Schedule Run(int seed)
    {
        var schedule = new Schedule(seed);
        try
        {
            schedule.Run();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"Seed {seed}: {exception.Message}", exception);
        }
        return schedule;
    }

    /// <summary>Runs it where continuations run at once on the thread that completes something: outside the test's synchronization context.</summary>
    private static Task OnOneThread(Action run) => Task.Run(run);

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
