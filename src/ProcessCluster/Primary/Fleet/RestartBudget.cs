using System.Collections.Immutable;

namespace ProcessCluster.Primary.Fleet;

/// <summary>
/// The history of a slot's workers, and what follows from one more end: a pure function. The budget's window is measured in the time
/// for which workers were up, not by the clock: delays and boots take no part in it, so that a slot that only ever waits and fails uses
/// its restarts up (the clock would forget the first of them before the last is made).
/// </summary>
/// <param name="ShortLives">The number of workers in a row that were up for less than <see cref="RestartOptions.StableAfter"/>.</param>
/// <param name="Lived">For how long the slot's workers have been up, together.</param>
/// <param name="Restarts">The times of the restarts within the window.</param>
/// <param name="Count">The number of those.</param>
/// <param name="IsOpen">True when the breaker is open: the budget was used up, and no worker has been stable since.</param>
internal sealed record RestartBudget(int ShortLives, TimeSpan Lived, ImmutableQueue<TimeSpan> Restarts, int Count, bool IsOpen)
{
    public static readonly RestartBudget Fresh = new(0, TimeSpan.Zero, [], 0, false);

    /// <param name="end">The kind of the end.</param>
    /// <param name="upFor">For how long the worker was up; zero when its boot failed.</param>
    /// <param name="options">The rules.</param>
    /// <param name="noise">Between -1 and 1, for the jitter.</param>
    public (RestartBudget Next, RestartDecision Decision) After(WorkerEnd end, TimeSpan upFor, RestartOptions options, double noise)
    {
        if (end == WorkerEnd.ConfigurationError || options.Policy == RestartPolicy.Never
            || (options.Policy == RestartPolicy.OnFailure && end == WorkerEnd.Completed))
        {
            return (this, new RestartDecision(RestartKind.None, TimeSpan.Zero));
        }
        var isStable = upFor >= options.StableAfter;
        if (IsOpen && isStable)
            return Fresh.After(end, upFor, options, noise); // The attempt was a success.

        var next = this with { ShortLives = isStable ? 0 : ShortLives + 1, Lived = Lived + upFor };
        while (!next.Restarts.IsEmpty && next.Lived - next.Restarts.Peek() >= options.Window)
            next = next with { Restarts = next.Restarts.Dequeue(), Count = next.Count - 1 };
        if (IsOpen || next.Count >= options.MaxRestarts)
            return (next with { IsOpen = true }, new RestartDecision(RestartKind.Rest, options.Window));
        next = next with { Restarts = next.Restarts.Enqueue(next.Lived), Count = next.Count + 1 };
        return (next, new RestartDecision(RestartKind.Restart, isStable ? TimeSpan.Zero : Delay(next.ShortLives, options, noise)));
    }

    /// <summary>base · factor^(k-1), within the jitter, never above the cap.</summary>
    internal static TimeSpan Delay(int shortLives, RestartOptions options, double noise)
    {
        var seconds = options.InitialDelay.TotalSeconds * Math.Pow(options.Factor, Math.Max(0, shortLives - 1)) * (1 + (options.Jitter * noise));
        return seconds >= options.MaxDelay.TotalSeconds ? options.MaxDelay : TimeSpan.FromSeconds(seconds);
    }
}

/// <summary>The end of a worker, as far as it matters for what follows.</summary>
internal enum WorkerEnd
{
    /// <summary>A crash, a signal, a failed boot, a hang.</summary>
    Failed,

    /// <summary>By itself, with exit code 0.</summary>
    Completed,

    /// <summary>It was asked to leave, or asked to.</summary>
    Left,

    /// <summary>With the exit code that says that trying again is of no use.</summary>
    ConfigurationError,
}

internal enum RestartKind
{
    /// <summary>No worker follows.</summary>
    None,

    /// <summary>Another worker follows after the delay.</summary>
    Restart,

    /// <summary>The budget is used up: one attempt follows after the delay.</summary>
    Rest,
}

internal readonly record struct RestartDecision(RestartKind Kind, TimeSpan Delay);
