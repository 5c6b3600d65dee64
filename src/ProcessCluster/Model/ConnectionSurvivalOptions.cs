using System.Text;

namespace ProcessCluster;

/// <summary>
/// What becomes of the connections of a worker that crashes, is killed or ends by itself. In a host read from the section
/// <c>ProcessCluster:ConnectionSurvival</c>. When it is on, the primary keeps a copy of each connection that can survive: those that are idle are served by another
/// worker at once, those with a request under way are answered with a <c>502</c>, or closed where a part of the response was sent.
/// <c>docs/connections.md</c> says which connections that are.
/// </summary>
public sealed class ConnectionSurvivalOptions
{
    /// <summary>The most that <see cref="MaxConnections"/> can be.</summary>
    public const int MaxConnectionsLimit = 1_000_000;

    private const int MaxBodyBytes = 1536;

    /// <summary>Whether it is on. Default null: when there are standby workers (<see cref="ClusterOptions.StandbyWorkers"/>), which can serve on at once.</summary>
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
    /// Whether a request that was under way is served once more by another worker, instead of the <c>502</c>, if its endpoint says that this does no harm (<c>[Idempotent]</c>,
    /// <c>.Idempotent()</c> in ASP.NET Core). Only what was wholly received, at most 16 KiB, and of whose response nothing was sent; once, not more. Default false. While it is on, the bytes of a
    /// request stay in the kernel until its response begins, which costs a system call for each request.
    /// </summary>
    public bool ReplayIdempotent { get; set; }

    internal bool IsOn(int standbyWorkers) => Enabled ?? standbyWorkers > 0;

    internal void Validate(int standbyWorkers, List<string> errors)
    {
        if (MaxConnections is < 1 or > MaxConnectionsLimit)
            errors.Add($"ConnectionSurvival:MaxConnections is {MaxConnections}: from 1 to {MaxConnectionsLimit}.");
        if (Body is null || Encoding.UTF8.GetByteCount(Body) > MaxBodyBytes)
            errors.Add($"ConnectionSurvival:Body is {(Body is null ? "null" : "too long")}: a text of at most {MaxBodyBytes} bytes in UTF-8, which may be empty.");
        if (ReplayIdempotent && !IsOn(standbyWorkers))
            errors.Add("ConnectionSurvival:ReplayIdempotent is true, but connections end with their worker: set ConnectionSurvival:Enabled to true or StandbyWorkers above 0, or leave it out.");
    }

    internal ConnectionSurvivalOptions Copy() => (ConnectionSurvivalOptions)MemberwiseClone();
}
