using System.Globalization;

namespace ProcessCluster.Specs;

/// <summary>What workers write.</summary>
public sealed class WorkerOutputs
{
    [Fact]
    public async Task Each_line_has_its_worker_before_it_when_that_is_wanted()
    {
        await using var fleet = await FleetSpecs.Started(2, "WorkerOutputPrefix true");
        await fleet.Cluster.Expect(@"^\[worker 1\] version echo in \d+ slot 0 ");
        await fleet.Cluster.Expect(@"^\[worker 2\] version echo in \d+ slot 1 ");
        fleet.SetVersion("exit 3");
        await fleet.Kill(0);
        await fleet.Cluster.ExpectError(@"^\[worker 3\] the settings are wrong$");
    }

    [Theory]
    [InlineData("")]
    [InlineData("WorkerOutputPrefix true")]
    public async Task What_was_written_before_a_crash_is_not_lost(string options)
    {
        const int lines = 20_000;
        await using var fleet = await FleetSpecs.Started(1, $"Restart:Policy Never {options}");
        fleet.SetVersion($"last-words {lines}");
        fleet.Cluster.Send("&scale 2");
        await fleet.Cluster.Expect("^exited 2 FailedAtBoot code= signal=SIGABRT", TimeSpan.FromSeconds(60));
        await fleet.Cluster.ExpectError("on purpose, at the end"); // Written by the runtime itself, while it dies.
        var prefix = options.Length == 0 ? "" : "[worker 2] ";
        var written = fleet.Cluster.Errors.Split('\n').Where(line => line.StartsWith($"{prefix}word ", StringComparison.Ordinal)).ToList();
        Assert.Equal(Enumerable.Range(0, lines).Select(i => string.Create(CultureInfo.InvariantCulture, $"{prefix}word {i}")), written);
    }

    [Fact]
    public async Task Silent_workers_are_not_heard_but_their_last_words_are_kept()
    {
        await using var fleet = await FleetSpecs.Started(1, "Silent true");
        fleet.SetVersion("exit 3");
        Assert.Contains("the first line of its error | the settings are wrong", await fleet.Reload(), StringComparison.Ordinal);
        Assert.Equal(0, fleet.Cluster.Count("version"));
        Assert.DoesNotContain("\nthe settings are wrong", fleet.Cluster.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_does_not_read_holds_up_the_workers_that_write_and_nothing_else()
    {
        await using var fleet = await FleetSpecs.Started(2, "HeartbeatInterval 00:00:00.200 HeartbeatTimeout 00:00:02");
        var before = await fleet.Workers();
        fleet.Cluster.StopReadingErrors();
        fleet.SetVersion("babbles");
        await fleet.Kill(1);
        await fleet.Cluster.ExpectAll("^listening ", 3);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(before[0], (await fleet.Workers())[0]); // It answers.
            await Task.Delay(200); // Longer than the heartbeat's limit, in all.
        }
        Assert.Equal(0, fleet.Cluster.Count("^hung "));
        fleet.Cluster.ReadErrors();
    }
}
