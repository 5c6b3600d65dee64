using System.Globalization;
using System.Text.RegularExpressions;

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
        await using var fleet = await FleetSpecs.Started(1, "SuppressOutput true");
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

    [Theory]
    [InlineData("2>>", "")]
    [InlineData("2>>", "WorkerOutputPrefix true")]
    [InlineData("1>>", "WorkerOutputPrefix true")]
    public async Task A_log_without_room_loses_what_it_has_none_for_and_nothing_after_it(string redirection, string options)
    {
        string log = "";
        await using var fleet = FleetSpecs.Configured(2, options, folder =>
        {
            log = Path.Combine(folder, "log");
            return TestProcess.StartFile("sh", $"-c \"exec {TestPaths.TestApp} driver {redirection}{log}\"");
        });
        fleet.SetVersion("ticks");
        fleet.Cluster.Send("start");
        string ticks() => redirection == "2>>" ? fleet.Cluster.Output : fleet.Cluster.Errors;
        // Ticks are all that is written from now on.
        await Wait.Until(() => File.Exists(log) && Ticks(File.ReadAllText(log)).Count() == 2);
        await Wait.Until(() => Regex.Count(File.ReadAllText(log) + fleet.Cluster.Output, "serving ") == 2);
        await Wait.Until(() => Ticks(ticks()).Count() == 2);

        // As on a full disk, but for this process alone: a file may not be longer than it is.
        var limit = FileSizeLimit.Of(fleet.Cluster.Id);
        FileSizeLimit.Set(fleet.Cluster.Id, limit with { Soft = (ulong)new FileInfo(log).Length });
        var full = Ticks(ticks()).ToDictionary(worker => worker.Key, worker => worker.Max());
        await Wait.Until(() => Ticks(ticks()).All(worker => worker.Max() > full[worker.Key] + 50)); // The workers are not held up.
        FileSizeLimit.Set(fleet.Cluster.Id, limit);
        await Wait.Until(() => File.ReadAllText(log).Contains("that workers wrote were lost: File too large]", StringComparison.Ordinal));
        full = Ticks(File.ReadAllText(log)).ToDictionary(worker => worker.Key, worker => worker.Max());
        await Wait.Until(() => Ticks(File.ReadAllText(log)).All(worker => worker.Max() > full[worker.Key] + 20));

        // What is missing is what was said to be lost.
        var text = File.ReadAllText(log);
        var missing = Ticks(text).Sum(worker => worker.Max() - worker.Distinct().Count());
        var lost = Regex.Matches(text, @"\[(\d+) lines \(\d+ bytes\) that workers wrote were lost").Sum(match => FleetSpecs.Number(match, 1));
        Assert.InRange(missing, 50, int.MaxValue);
        Assert.Equal(missing, lost);
    }

    [Fact]
    public async Task Long_lines_arrive_whole_with_their_prefix()
    {
        await using var fleet = FleetSpecs.Configured(1, "WorkerOutputPrefix true");
        fleet.SetVersion("writes 900000");
        fleet.Cluster.Send("start");
        await fleet.Cluster.ExpectError(@"^\[worker 1\] long €{300000}$");
    }

    /// <summary>The numbers that each worker has written whole.</summary>
    private static IEnumerable<IGrouping<string, int>> Ticks(string text) =>
        Regex.Matches(text, @"^(?:\[worker \d+\] )?tick (\d+) (\d+) end\r?$", RegexOptions.Multiline)
            .GroupBy(match => match.Groups[1].Value, match => FleetSpecs.Number(match, 2));
}
