using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Workers;

/// <summary>When a worker counts as hung, and when it must not.</summary>
public sealed class HeartbeatStateTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);
    private static readonly ClusterOptions Options = new() { HeartbeatInterval = TimeSpan.FromSeconds(1), HeartbeatTimeout = TimeSpan.FromSeconds(5) };

    [Fact]
    public void A_worker_is_asked_each_interval_and_never_twice_at_a_time()
    {
        var pulse = default(HeartbeatState);
        Assert.Equal([PulseAction.None, PulseAction.Ask, PulseAction.None, PulseAction.None, PulseAction.None], Run(ref pulse, 5));
        pulse = HeartbeatState.Answered(pulse);
        Assert.Equal([PulseAction.Ask], Run(ref pulse, 1));
        pulse = HeartbeatState.Answered(pulse);
        Assert.Equal([PulseAction.None, PulseAction.Ask], Run(ref pulse, 2));
    }

    [Fact]
    public void A_worker_that_answers_is_never_hung()
    {
        var pulse = default(HeartbeatState);
        for (var i = 0; i < 10_000; i++)
        {
            Assert.DoesNotContain(PulseAction.Hung, Run(ref pulse, 1));
            if (pulse.IsAsked)
                pulse = HeartbeatState.Answered(pulse);
        }
    }

    [Fact]
    public void A_worker_that_does_not_answer_is_hung_when_its_time_is_over()
    {
        var pulse = default(HeartbeatState);
        Assert.DoesNotContain(PulseAction.Hung, Run(ref pulse, 9));
        Assert.Equal([PulseAction.Hung], Run(ref pulse, 1));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(3600)]
    [InlineData(86_400)]
    public void Time_in_which_the_primary_did_not_run_is_no_worker_s_fault(int seconds)
    {
        var pulse = default(HeartbeatState);
        Run(ref pulse, 3); // asked, not answered yet
        (pulse, var action) = HeartbeatState.Pass(pulse, TimeSpan.FromSeconds(seconds), Tick, Options);
        Assert.Equal(PulseAction.None, action);
        Assert.True(pulse.Silent < TimeSpan.FromSeconds(3), $"{pulse.Silent} counted.");
    }

    [Fact]
    public void A_primary_that_is_only_slow_still_finds_the_hung_one()
    {
        var pulse = default(HeartbeatState);
        var actions = Enumerable.Range(0, 10).Select(_ =>
        {
            (pulse, var action) = HeartbeatState.Pass(pulse, Tick * HeartbeatState.LongestStep, Tick, Options);
            return action;
        });
        Assert.Contains(PulseAction.Hung, actions);
    }

    private static List<PulseAction> Run(ref HeartbeatState pulse, int ticks)
    {
        List<PulseAction> actions = [];
        for (var i = 0; i < ticks; i++)
        {
            (pulse, var action) = HeartbeatState.Pass(pulse, Tick, Tick, Options);
            actions.Add(action);
        }
        return actions;
    }
}
