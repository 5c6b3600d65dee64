using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Workers;

public sealed class WorkerLoadTests
{
    [Theory]
    [InlineData(0.5, 1, 0.5)]
    [InlineData(2, 2, 1)]
    [InlineData(3, 2, 1)] // Clocks of two processes.
    [InlineData(-1, 2, 0)]
    [InlineData(1, 0, 0)]
    public void The_busy_share_is_that_between_two_samples(double busySeconds, double seconds, double share)
    {
        var first = default(WorkerLoad).Next(10, 1, TimeSpan.FromSeconds(100), now: 1, TimeSpan.FromSeconds(1000));
        Assert.Equal(0, first.BusyShare); // Nothing to compare with yet.
        var second = first.Next(12, 0, TimeSpan.FromSeconds(100 + busySeconds), now: 2, TimeSpan.FromSeconds(seconds));
        Assert.Equal(share, second.BusyShare, 5);
        Assert.Equal((12L, 0), (second.Requests, second.InFlight));
    }
}
