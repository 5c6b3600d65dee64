using ProcessCluster.Primary.Fleet;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Fleet;

public sealed class RecycleLimitsTests
{
    private static readonly RecycleOptions Options = new() { MaxMemory = 100 << 20, MaxRequests = 1000, MaxAge = TimeSpan.FromHours(1), Jitter = 0.5 };

    [Theory]
    [InlineData(0, 999, 3599, 100, null)]
    [InlineData(0, 1000, 0, 0, "Recycle:MaxRequests, 1000 requests of 1000")]
    [InlineData(1, 1499, 5399, 100, null)]
    [InlineData(1, 1500, 0, 0, "Recycle:MaxRequests, 1500 requests of 1500")]
    [InlineData(0, 0, 3600, 0, "Recycle:MaxAge, 01:00:00 of 01:00:00")]
    [InlineData(1, 0, 0, 101, "Recycle:MaxMemory, 101 MiB of 100")] // No jitter: memory is what there is.
    public void The_rule_that_holds_is_named(double noise, long requests, int seconds, long mebibytes, string? rule) =>
        Assert.Equal(rule, RecycleLimits.For(Options, noise).RuleFor(new WorkerLoad(requests, 0, default, mebibytes << 20), TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_worker_whose_time_has_come_is_due_by_the_schedule() => Assert.Equal(
        "Recycle:Schedule", (RecycleLimits.For(new RecycleOptions(), 1) with { IsScheduled = true }).RuleFor(default, TimeSpan.Zero));

    [Fact]
    public void Without_limits_nobody_is_due() =>
        Assert.Null(RecycleLimits.For(new RecycleOptions(), 1).RuleFor(new WorkerLoad(long.MaxValue, 0, default, long.MaxValue), TimeSpan.MaxValue));

    [Theory]
    [InlineData("2026-01-01 04:29:59", "2026-01-01 04:30:00", true)]
    [InlineData("2026-01-01 04:30:00", "2026-01-01 04:30:01", false)]
    [InlineData("2026-01-01 04:30:00", "2026-01-02 04:30:00", false)] // A day was skipped: the clock was set.
    [InlineData("2026-01-01 04:31:00", "2026-01-01 04:29:00", false)] // It was set back.
    [InlineData("2026-01-01 23:59:59", "2026-01-02 00:00:01", true)]
    [InlineData("2026-01-02 00:00:00", "2026-01-02 00:00:01", false)]
    [InlineData("2025-12-31 23:59:59", "2026-01-01 00:00:00", true)]
    public void A_time_of_the_day_passes_once(string after, string now, bool isTime) => Assert.Equal(
        isTime,
        RecycleLimits.IsTime([new TimeOnly(4, 30), new TimeOnly(0, 0)], DateTime.Parse(after, null), DateTime.Parse(now, null)));
}
