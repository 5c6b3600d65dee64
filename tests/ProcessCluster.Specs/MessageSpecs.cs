using System.Globalization;
using System.Text.RegularExpressions;

namespace ProcessCluster.Specs;

/// <summary>What the specs of messages have in common.</summary>
internal static class MessageSpecs
{
    /// <summary>Far below the time that a request waits for its answer by default, which is 30 s.</summary>
    public static readonly TimeSpan Promptly = TimeSpan.FromSeconds(4);

    /// <summary>The driver with so many workers that handle messages; they have the numbers from 1.</summary>
    public static async Task<TestProcess> Workers(int count)
    {
        var cluster = TestProcess.Start("driver");
        try
        {
            cluster.Send("handle");
            for (var i = 0; i < count; i++)
                cluster.Send("fork messages");
            await cluster.ExpectAll(@"^worker \d+ handles$", count);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public static async Task<int> ProcessOf(this TestProcess cluster, int worker) =>
        Number(await cluster.Expect($@"^forked {worker} (\d+)$"));

    /// <summary>The first number in each of so many lines that fit, in the order of the lines.</summary>
    public static async Task<IEnumerable<int>> Numbers(this TestProcess cluster, string pattern, int count) =>
        (await cluster.ExpectAll(pattern, count)).Select(Number);

    /// <summary>Where a line that fits is among all lines.</summary>
    public static int IndexOf(this TestProcess cluster, string pattern)
    {
        var lines = cluster.Output.Split(Environment.NewLine);
        return Array.FindIndex(lines, line => Regex.IsMatch(line, pattern));
    }

    /// <summary>Where the last line that fits is among all lines.</summary>
    public static int LastIndexOf(this TestProcess cluster, string pattern)
    {
        var lines = cluster.Output.Split(Environment.NewLine);
        return Array.FindLastIndex(lines, line => Regex.IsMatch(line, pattern));
    }

    private static int Number(Match match) => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
}
