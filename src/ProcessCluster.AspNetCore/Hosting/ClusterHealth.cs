using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>The health of this process as a part of its cluster.</summary>
internal sealed class ClusterHealth(ICluster cluster) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check(context.Registration.FailureStatus));

    private HealthCheckResult Check(HealthStatus failure)
    {
        if (cluster.Worker is not { } self)
            return HealthCheckResult.Healthy("No cluster: the program runs as one process.");
        var data = new Dictionary<string, object> { ["worker"] = self.Id, ["state"] = self.State.ToString() };
        if (self.Stopping.IsCancellationRequested || self.State == WorkerState.Draining)
            return new HealthCheckResult(failure, $"Worker {self.Id} is leaving.", data: data);
        return self.IsConnected
            ? HealthCheckResult.Healthy($"Worker {self.Id} serves.", data)
            : new HealthCheckResult(failure, $"Worker {self.Id} has no link to its primary.", data: data);
    }
}
