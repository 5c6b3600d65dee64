using System.Globalization;
using System.Text.RegularExpressions;

namespace ProcessCluster.Testing;

/// <summary>What the driver's lines say.</summary>
internal static class ClusterLines
{
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
