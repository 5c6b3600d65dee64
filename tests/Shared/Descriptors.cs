namespace ProcessCluster.Testing;

/// <summary>What a process has open, as the kernel shows it (<c>man 5 proc</c>).</summary>
internal static class Descriptors
{
    public static int Count(int process) => Directory.GetFiles($"/proc/{process}/fd").Length;

    public static int Sockets(int process) => Targets(process).Count(static target => target.StartsWith("socket:", StringComparison.Ordinal));

    /// <summary>Connections over TCP and IPv4, those included that are about to end.</summary>
    public static int Connections(int process)
    {
        const string listening = "0A";
        var open = Targets(process).ToHashSet();
        return File.ReadLines("/proc/net/tcp").Skip(1).Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Count(fields => fields[3] != listening && open.Contains($"socket:[{fields[9]}]"));
    }

    private static IEnumerable<string> Targets(int process) => new DirectoryInfo($"/proc/{process}/fd").EnumerateFiles().Select(static file => file.LinkTarget ?? "");
}
