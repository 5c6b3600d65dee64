using ProcessCluster.Primary.Fleet;

namespace ProcessCluster.Tests.Primary.Fleet;

/// <summary>What follows a worker's end: delays, the budget, the breaker.</summary>
public sealed class RestartBudgetTests
{
    private static readonly TimeSpan Never = TimeSpan.Zero;

    [Theory]
    [InlineData(1, 100)]
    [InlineData(2, 200)]
    [InlineData(3, 400)]
    [InlineData(9, 25_600)]
    [InlineData(10, 30_000)]
    [InlineData(2_000, 30_000)] // 2^1999 is no number any more.
    public void The_delay_is_base_times_factor_to_the_k_up_to_the_cap(int shortLives, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), RestartBudget.Delay(shortLives, new RestartOptions(), noise: 0));

    [Theory]
    [InlineData(-1, 90)]
    [InlineData(0.5, 105)]
    [InlineData(1, 110)]
    public void The_jitter_is_a_share_of_the_delay(double noise, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), RestartBudget.Delay(1, new RestartOptions(), noise));

    [Fact]
    public void The_jitter_never_goes_above_the_cap() =>
        Assert.Equal(TimeSpan.FromSeconds(30), RestartBudget.Delay(10, new RestartOptions(), noise: 1));

    [Fact]
    public void A_stable_worker_is_replaced_at_once_and_the_delay_starts_anew()
    {
        var options = new RestartOptions();
        var state = RestartBudget.Fresh;
        (state, var decision) = state.After(WorkerEnd.Failed, Never, options, 0);
        (state, decision) = state.After(WorkerEnd.Failed, Never, options, 0);
        Assert.Equal(Delayed(200), decision);
        (state, decision) = state.After(WorkerEnd.Failed, options.StableAfter, options, 0);
        Assert.Equal(Delayed(0), decision);
        (_, decision) = state.After(WorkerEnd.Failed, options.StableAfter - TimeSpan.FromTicks(1), options, 0);
        Assert.Equal(Delayed(100), decision);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    public void The_budget_opens_exactly_one_past_its_number_however_long_the_delays_are(int restarts)
    {
        var options = new RestartOptions { MaxRestarts = restarts, InitialDelay = TimeSpan.FromMinutes(10), MaxDelay = TimeSpan.FromHours(1) };
        var state = RestartBudget.Fresh;
        for (var i = 0; i < restarts; i++)
        {
            (state, var decision) = state.After(WorkerEnd.Failed, Never, options, 0);
            Assert.Equal(RestartKind.Restart, decision.Kind);
        }
        (state, var last) = state.After(WorkerEnd.Failed, Never, options, 0);
        Assert.Equal(new RestartDecision(RestartKind.Rest, options.Window), last);
        Assert.True(state.IsOpen);
    }

    [Fact]
    public void Restarts_are_forgotten_when_workers_were_up_for_the_window()
    {
        var options = new RestartOptions { MaxRestarts = 3 };
        var state = RestartBudget.Fresh;
        // Each up for 20 s of the 60: there are never more than three in the window.
        for (var i = 0; i < 100; i++)
        {
            (state, var decision) = state.After(WorkerEnd.Failed, TimeSpan.FromSeconds(20), options, 0);
            Assert.Equal(Delayed(0), decision);
        }
        // Each up for 19 s: a fourth is.
        var kinds = new List<RestartKind>();
        for (var i = 0; i < 10 && !kinds.Contains(RestartKind.Rest); i++)
        {
            (state, var decision) = state.After(WorkerEnd.Failed, TimeSpan.FromSeconds(19), options, 0);
            kinds.Add(decision.Kind);
        }
        Assert.Equal(RestartKind.Rest, kinds[^1]);
    }

    [Fact]
    public void An_attempt_that_fails_leaves_the_breaker_open_and_one_that_is_stable_closes_it()
    {
        var options = new RestartOptions { MaxRestarts = 1 };
        var (state, _) = RestartBudget.Fresh.After(WorkerEnd.Failed, Never, options, 0);
        (state, _) = state.After(WorkerEnd.Failed, Never, options, 0);
        Assert.True(state.IsOpen);
        (state, var decision) = state.After(WorkerEnd.Failed, TimeSpan.FromSeconds(1), options, 0);
        Assert.Equal(RestartKind.Rest, decision.Kind);
        (state, decision) = state.After(WorkerEnd.Failed, TimeSpan.FromSeconds(11), options, 0);
        Assert.Equal(Delayed(0), decision);
        Assert.False(state.IsOpen);
        (_, decision) = state.After(WorkerEnd.Failed, Never, options, 0);
        Assert.Equal(RestartKind.Rest, decision.Kind); // That restart counted.
    }

    [Theory]
    [InlineData(RestartPolicy.Always, WorkerEnd.Failed, true)]
    [InlineData(RestartPolicy.Always, WorkerEnd.Completed, true)]
    [InlineData(RestartPolicy.Always, WorkerEnd.Left, true)]
    [InlineData(RestartPolicy.Always, WorkerEnd.ConfigurationError, false)]
    [InlineData(RestartPolicy.OnFailure, WorkerEnd.Failed, true)]
    [InlineData(RestartPolicy.OnFailure, WorkerEnd.Completed, false)]
    [InlineData(RestartPolicy.OnFailure, WorkerEnd.Left, true)]
    [InlineData(RestartPolicy.OnFailure, WorkerEnd.ConfigurationError, false)]
    [InlineData(RestartPolicy.Never, WorkerEnd.Failed, false)]
    [InlineData(RestartPolicy.Never, WorkerEnd.Completed, false)]
    [InlineData(RestartPolicy.Never, WorkerEnd.Left, false)]
    [InlineData(RestartPolicy.Never, WorkerEnd.ConfigurationError, false)]
    internal void The_policy_says_which_ends_are_followed(RestartPolicy policy, WorkerEnd end, bool isFollowed)
    {
        var (_, decision) = RestartBudget.Fresh.After(end, Never, new RestartOptions { Policy = policy }, 0);
        Assert.Equal(isFollowed ? RestartKind.Restart : RestartKind.None, decision.Kind);
    }

    private static RestartDecision Delayed(int milliseconds) => new(RestartKind.Restart, TimeSpan.FromMilliseconds(milliseconds));
}
