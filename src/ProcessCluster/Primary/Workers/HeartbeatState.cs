namespace ProcessCluster.Primary.Workers;

/// <summary>
/// The signs of life of one worker, as a pure function of time that passed. Time is counted as the primary sees it pass in small steps: a step
/// that is longer than a few ticks was one in which the primary, or the machine, did not run, and no worker is blamed for it.
/// </summary>
/// <param name="Silent">The time without a sign.</param>
/// <param name="SinceAsked">The time since the worker was asked.</param>
/// <param name="IsAsked">True when it has not answered yet.</param>
internal readonly record struct HeartbeatState(TimeSpan Silent, TimeSpan SinceAsked, bool IsAsked)
{
    /// <summary>The longest step that counts, in ticks.</summary>
    public const int LongestStep = 3;

    /// <summary>The worker has given a sign.</summary>
    public static HeartbeatState Answered(HeartbeatState pulse) => pulse with { Silent = TimeSpan.Zero, IsAsked = false };

    public static (HeartbeatState Next, PulseAction Action) Pass(HeartbeatState pulse, TimeSpan step, TimeSpan tick, ClusterOptions options)
    {
        if (step > tick * LongestStep)
            step = tick;
        var next = pulse with { Silent = pulse.Silent + step, SinceAsked = pulse.SinceAsked + step };
        if (next.IsAsked && next.Silent >= options.HeartbeatTimeout)
            return (next, PulseAction.Hung);
        if (next.IsAsked || next.SinceAsked + (tick / 2) < options.HeartbeatInterval) // with the nearest tick
            return (next, PulseAction.None);
        return (next with { SinceAsked = TimeSpan.Zero, IsAsked = true }, PulseAction.Ask);
    }
}

internal enum PulseAction
{
    None,

    /// <summary>Ask it for a sign.</summary>
    Ask,

    /// <summary>It is hung.</summary>
    Hung,
}
