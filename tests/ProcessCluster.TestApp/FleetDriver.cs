using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>What the driver does with a cluster that keeps its number of workers.</summary>
internal static class FleetDriver
{
    /// <summary>Whether the command is one of these.</summary>
    public static async Task<bool> ExecuteAsync(string[] command)
    {
        switch (command)
        {
            case ["start"]:
                var addresses = await Cluster.StartAsync();
                Say($"started at {string.Join(' ', addresses)}");
                return true;
            case ["reload"]:
                var result = await Cluster.ReloadAsync();
                Say($"reload succeeded={result.Succeeded} generation={result.Generation} replaced={result.Replaced} worker={result.Failure?.WorkerId} "
                    + $"cause={result.Failure?.Exit?.Cause} code={result.Failure?.Exit?.ExitCode} in {result.Duration.TotalMilliseconds:F0} ms: {result}");
                return true;
            case ["scale", var workers, .. var order]:
                await Cluster.ScaleAsync(Number(workers), order is [var which] ? Enum.Parse<ScaleDownOrder>(which) : ScaleDownOrder.Youngest);
                Say($"scaled to {workers}");
                return true;
            case ["slots"]:
                Say($"slots {string.Join(',', Cluster.Workers.Values.OrderBy(w => w.Id).Select(w => $"{w.Id}:{w.Slot}:{w.Generation}:{w.State}"))}");
                return true;
            case ["history"]:
                foreach (var record in Cluster.History)
                    Say($"history {record.Id} slot={record.Slot} generation={record.Generation} from={record.Started.ToUnixTimeMilliseconds()} to={record.Ended.ToUnixTimeMilliseconds()} "
                        + $"{record.Exit.Cause}: {record}");
                Say($"{Cluster.History.Count} in history");
                return true;
            default:
                return false;
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Say(string line) => Driver.Say(line);
}
