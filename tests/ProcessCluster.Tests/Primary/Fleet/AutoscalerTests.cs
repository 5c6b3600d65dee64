using ProcessCluster.Primary.Fleet;

namespace ProcessCluster.Tests.Primary.Fleet;

public sealed class AutoscalerTests
{
    [Fact]
    public void Busy_workers_get_one_more_after_a_few_samples() =>
        Assert.Equal([2, 2, 3, 3, 3, 4, 4, 4, 4], Run(workers: 2, busy: 0.95, waiting: 0, samples: 9, max: 4));

    [Fact]
    public void Waiting_connections_call_for_one_more_however_idle_workers_look() =>
        Assert.Equal([1, 1, 2], Run(workers: 1, busy: 0, waiting: 1, samples: 3, max: 4));

    [Fact]
    public void Idle_workers_go_slowly_and_the_fewest_stay()
    {
        var run = Run(workers: 3, busy: 0, waiting: 0, samples: 100, max: 4);
        Assert.Equal((29, 30), (run.Count(w => w == 3), run.Count(w => w == 2)));
        Assert.Equal(1, run[^1]);
    }

    [Fact]
    public void One_goes_only_when_the_others_would_have_time()
    {
        // Two at 0.4 each are one at 0.8: that would be too much; two at 0.2 are not.
        Assert.Equal(2, Run(workers: 2, busy: 0.4, waiting: 0, samples: 100, max: 4)[^1]);
        Assert.Equal(1, Run(workers: 2, busy: 0.2, waiting: 0, samples: 100, max: 4)[^1]);
    }

    [Fact]
    public void A_load_that_comes_and_goes_changes_nothing()
    {
        var state = default(Autoscaler);
        for (var i = 0; i < 1000; i++)
        {
            (state, var workers) = Autoscaler.On(state, 2, i % 3 == 0 ? 0.1 : 0.95, 0, 1, 4);
            Assert.Equal(2, workers);
        }
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(9, 4)]
    public void The_bounds_hold_at_once(int workers, int wanted) => Assert.Equal(wanted, Autoscaler.On(default, workers, 0.6, 0, 2, 4).Workers);

    private static List<int> Run(int workers, double busy, int waiting, int samples, int max)
    {
        var state = default(Autoscaler);
        List<int> run = [];
        for (var i = 0; i < samples; i++)
        {
            (state, workers) = Autoscaler.On(state, workers, busy, waiting, 1, max);
            run.Add(workers);
        }
        return run;
    }
}
