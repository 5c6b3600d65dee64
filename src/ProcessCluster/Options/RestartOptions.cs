using ProcessCluster.Options;

namespace ProcessCluster;

/// <summary>
/// The options of replacing workers that end. In a host read from the section <c>ProcessCluster:Restart</c>. A worker that lived long enough
/// (<see cref="StableAfter"/>) is replaced at once; one that did not after a delay that grows with each such life in a row.
/// </summary>
public sealed record RestartOptions
{
    /// <summary>
    /// The exit code that means "the configuration is wrong": a worker that ends with it is not replaced, until the cluster is reloaded or
    /// scaled. EX_CONFIG of <c>sysexits.h</c>.
    /// </summary>
    public const int ConfigurationErrorExitCode = 78;

    /// <summary>The exit code of a primary that has given up (<see cref="WhenExhausted"/>). EX_UNAVAILABLE of <c>sysexits.h</c>.</summary>
    public const int GivenUpExitCode = 69;

    /// <summary>Gets or sets the ends of a worker after which another one follows. Default <see cref="RestartPolicy.Always"/>.</summary>
    public RestartPolicy Policy { get; set; } = RestartPolicy.Always;

    /// <summary>The delay after the first short life. Default 100 ms.</summary>
    public TimeSpan InitialDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>By what the delay grows with each further short life in a row, from 1 to 10. Default 2.</summary>
    public double Factor { get; set; } = 2;

    /// <summary>The longest delay. Default 30 s.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// By how much a delay may differ, as a share of it, from 0 to 1, so that workers that fell together do not rise together. Default 0.1:
    /// 90 to 110 %, never above <see cref="MaxDelay"/>.
    /// </summary>
    public double Jitter { get; set; } = 0.1;

    /// <summary>A worker that was up for this long is stable: the delay starts anew. Default 10 s.</summary>
    public TimeSpan StableAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Gets or sets the number of replacements that a slot has within <see cref="Window"/>, from 1. Default 10. With the next one its breaker opens: it rests for the
    /// length of the window, then tries once more. Other slots are not touched.
    /// </summary>
    public int MaxRestarts { get; set; } = 10;

    /// <summary>
    /// The window of <see cref="MaxRestarts"/>. Default 60 s. It is the time for which the slot's workers were up: delays and boots do not
    /// count, so that a slot cannot escape its budget by being slow to fail.
    /// </summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Gets or sets the reaction when no worker is ready and none will be tried soon, as every slot's breaker is open. Default: keep trying.</summary>
    public WhenExhausted WhenExhausted { get; set; } = WhenExhausted.KeepTrying;

    internal void Validate(List<string> errors)
    {
        OptionTable.Check(OptionTable.Restart, this, "Restart:", errors);
        if (InitialDelay > MaxDelay)
            errors.Add($"Restart:InitialDelay is {InitialDelay}: at most Restart:MaxDelay, which is {MaxDelay}.");
    }
}

/// <summary>The ends of a worker after which another one follows. A worker that the cluster itself replaces (reload, recycling) always is.</summary>
public enum RestartPolicy
{
    /// <summary>Every end.</summary>
    Always,

    /// <summary>Every end but that of a worker that ended by itself with exit code 0.</summary>
    OnFailure,

    /// <summary>None.</summary>
    Never,
}

/// <summary>The reaction of a cluster that has no ready worker and whose slots have all used up their restarts.</summary>
public enum WhenExhausted
{
    /// <summary>It keeps trying: each slot once per <see cref="RestartOptions.Window"/>. Connections wait as long as they may.</summary>
    KeepTrying,

    /// <summary>It ends: hosts stop, <see cref="ICluster.WaitForShutdownAsync"/> returns, with <see cref="RestartOptions.GivenUpExitCode"/>.</summary>
    EndPrimary,
}
