using ProcessCluster.Primary.Supervision;

namespace ProcessCluster.Tests.Primary.Supervision;

public sealed class RestartBackoffTests
{
    [Theory]
    [InlineData(int.MinValue, 0)]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 100)]
    [InlineData(3, 200)]
    [InlineData(4, 400)]
    [InlineData(5, 800)]
    [InlineData(6, 1_600)]
    [InlineData(7, 3_200)]
    [InlineData(8, 6_400)]
    [InlineData(9, 10_000)]
    [InlineData(10, 10_000)]
    [InlineData(66, 10_000)] // Shifted that far, 100 ms would be 100 ms again.
    [InlineData(int.MaxValue, 10_000)]
    public void The_delay_doubles_from_the_second_short_life_on_up_to_ten_seconds(int shortLives, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), RestartBackoff.Delay(shortLives));

    [Fact]
    public void A_worker_that_was_up_for_five_seconds_had_no_short_life() =>
        Assert.Equal(TimeSpan.FromSeconds(5), RestartBackoff.StableAfter);
}
