using System.Diagnostics;

namespace ProcessCluster.Diagnostics;

/// <summary>
/// Traces reloads, and the boot and the drain of each worker, in a reload or by themselves. docs has the same
/// table. Nothing is made when nobody listens.
/// </summary>
internal static class ClusterActivities
{
    public const string Reload = "ProcessCluster.Reload", Boot = "ProcessCluster.Boot", Drain = "ProcessCluster.Drain";

    private static readonly ActivitySource Source = new(ClusterMetrics.MeterName, typeof(ClusterActivities).Assembly.GetName().Version?.ToString(3));

    /// <summary>A reload begins; what follows in the same flow of code belongs to it. Null when nobody listens.</summary>
    public static Activity? StartReload(int generation) => Source.StartActivity(Reload)?.SetTag("generation", generation);

    /// <summary>Sets the result of a reload. Whoever started the activity disposes it.</summary>
    public static void Ended(Activity? reload, ReloadResult result) => reload?
        .SetTag("replaced", result.Replaced)
        .SetTag("outcome", result.Succeeded ? "succeeded" : "failed")
        .SetStatus(result.Succeeded ? ActivityStatusCode.Ok : ActivityStatusCode.Error, result.Failure?.Reason);

    /// <summary>Something of a worker begins, which others than the caller will end. Null when nobody listens.</summary>
    public static Activity? StartOf(string name, ClusterWorker worker)
    {
        var current = Activity.Current;
        var activity = Source.StartActivity(name)?.SetTag("worker", worker.Id).SetTag("slot", worker.Slot)
            .SetTag("generation", worker.Generation).SetTag("process.pid", worker.ProcessId);
        Activity.Current = current;
        return activity;
    }

    /// <summary>It has ended.</summary>
    /// <param name="activity">The activity of <see cref="StartOf"/>.</param>
    /// <param name="exit">The end of the worker's process; null while it lives.</param>
    /// <param name="isError">True when it should not have ended so.</param>
    public static void End(Activity? activity, WorkerExit? exit = null, bool isError = false)
    {
        if (activity is null)
            return;
        if (exit is not null)
            activity.SetTag("cause", ClusterMetrics.NameOf(exit.Cause));
        activity.SetStatus(isError ? ActivityStatusCode.Error : ActivityStatusCode.Ok, isError ? $"{exit}" : null);
        var current = Activity.Current;
        activity.Dispose();
        Activity.Current = current; // Ending it would bring back the one that was current at its start.
    }
}
