using ProcessCluster.Messaging.Links;

namespace ProcessCluster.Tests.Messaging.Links;

public sealed class RateLimitTests
{
    [Fact]
    public void A_burst_is_allowed_and_then_so_many_a_second()
    {
        var time = new FakeTime();
        var limit = new RateLimit(time, burst: 5, perSecond: 2);
        Assert.Equal(5, Taken(limit));
        time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Assert.Equal(2, Taken(limit));
        time.Advance(TimeSpan.FromHours(1), static () => { });
        Assert.Equal(5, Taken(limit));
    }

    private static int Taken(RateLimit limit)
    {
        var taken = 0;
        while (taken < 100 && limit.TryTake())
            taken++;
        return taken;
    }
}
