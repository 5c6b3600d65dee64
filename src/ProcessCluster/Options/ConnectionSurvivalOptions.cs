using ProcessCluster.Options;

namespace ProcessCluster;

/// <summary>
/// The options for the connections of a worker that crashes, is killed or ends by itself. In a host read from the section
/// <c>ProcessCluster:ConnectionSurvival</c>. When it is on, the primary keeps a copy of each connection that can survive: those that are idle are served by another
/// worker at once, those with a request under way are answered with a <c>502</c>, or closed where a part of the response was sent.
/// <c>docs/guides/connections.md</c> says which connections that are.
/// </summary>
public sealed record ConnectionSurvivalOptions
{
    /// <summary>The most that <see cref="MaxConnections"/> can be.</summary>
    public const int MaxConnectionsLimit = 1_000_000;

    internal const int MaxBodyBytes = 1536;

    /// <summary>Gets or sets whether connections survive. Default null: when there are standby workers (<see cref="ClusterOptions.StandbyWorkers"/>), which can serve at once.</summary>
    public bool? Enabled { get; set; }

    /// <summary>
    /// Of how many connections the primary keeps a copy, over all workers, from 1 to <see cref="MaxConnectionsLimit"/>. Default 10,000. Each costs a descriptor of the primary's and 64 bytes; no
    /// more are kept than three quarters of the primary's open files (<c>ulimit -n</c>). Those beyond it end with their worker.
    /// </summary>
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>
    /// The body of the <c>502</c>, as <c>text/plain</c>, at most 1,536 bytes in UTF-8. Default: a sentence that says what has happened.
    /// </summary>
    public string Body { get; set; } = "The process that served this request has ended. Whether the request has taken effect is not known.\n";

    /// <summary>
    /// Gets or sets whether another worker serves a request that was under way once more, instead of the <c>502</c>, if its endpoint allows it (<c>[Idempotent]</c>,
    /// <c>.Idempotent()</c> in ASP.NET Core). Only what was wholly received, less than 16 KiB, and of whose response nothing was sent; once, not more. Default false. While it is on, the bytes of a
    /// request stay in the kernel until its response begins, which costs a system call for each request.
    /// </summary>
    public bool ReplayIdempotent { get; set; }

    /// <summary>
    /// In how many crashes in a row, of whichever workers, a request (method and route) must have been running to be quarantined: all workers then answer it with <c>503</c> for
    /// <see cref="QuarantineTime"/>. From 1 to 100; default 0: none is quarantined. Needs that connections survive (<see cref="Enabled"/>). Of several such requests the rarest is
    /// taken. Requests over HTTP/2 are refused, but not seen; what is counted, and who may be hit wrongly, is in <c>docs/guides/connections.md</c>.
    /// </summary>
    public int QuarantineAfter { get; set; }

    /// <summary>For how long a request is quarantined, more than zero and at most a day. Default 1 minute. After it, it is served again.</summary>
    public TimeSpan QuarantineTime { get; set; } = TimeSpan.FromMinutes(1);

    internal bool IsOn(int standbyWorkers) => Enabled ?? standbyWorkers > 0;

    internal void Validate(List<string> errors, int standbyWorkers)
    {
        OptionTable.Check(OptionTable.ConnectionSurvival, this, "ConnectionSurvival:", errors);
        if (IsOn(standbyWorkers))
            return;
        if (QuarantineAfter > 0)
        {
            errors.Add($"ConnectionSurvival:QuarantineAfter is {QuarantineAfter}, but connections do not survive their workers, so that nobody knows what was running: "
                + "set ConnectionSurvival:Enabled to true, or QuarantineAfter to 0.");
        }
        if (ReplayIdempotent)
            errors.Add("ConnectionSurvival:ReplayIdempotent is true, but connections end with their worker: set ConnectionSurvival:Enabled to true or StandbyWorkers above 0, or leave it out.");
    }
}
