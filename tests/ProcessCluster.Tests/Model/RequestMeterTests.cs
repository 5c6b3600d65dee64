namespace ProcessCluster.Tests.Model;

public sealed class RequestMeterTests
{
    [Fact]
    public void Requests_are_counted_and_the_time_with_any_is_measured_once()
    {
        var meter = new RequestMeter();
        Assert.Equal(TimeSpan.Zero, meter.Busy);
        var first = meter.Begin();
        var second = meter.Begin();
        Assert.Equal((2L, 2), (meter.Begun, meter.InFlight));
        Thread.Sleep(30);
        first.Dispose();
        Assert.InRange(meter.Busy.TotalMilliseconds, 29, 5000);
        second.Dispose();
        var busy = meter.Busy;
        Thread.Sleep(30);
        Assert.Equal((2L, 0, busy), (meter.Begun, meter.InFlight, meter.Busy));
        Assert.NotEqual(first, default);
        Assert.Equal(first, second);
    }

    [Fact]
    public void Many_threads_count_right()
    {
        var meter = new RequestMeter();
        Parallel.For(0, 10_000, _ =>
        {
            using (meter.Begin())
                Assert.InRange(meter.InFlight, 1, 10_000);
        });
        Assert.Equal((10_000L, 0), (meter.Begun, meter.InFlight));
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        var meter = new RequestMeter();
        meter.Begin().Dispose();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            meter.Begin().Dispose();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
