using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>Workers that say of each connection what goes on on it.</summary>
internal static class SurvivalRoles
{
    private const string Apology = "0 gone\n";

    /// <summary>Answers each line with its id and the line; <c>wait</c> is never answered, of <c>half</c> a half is, after <c>whole</c> all is sent and it is never said, and so it is after <c>more</c>, but that something else waits for its answer.</summary>
    public static async Task<int> OutliveAsync()
    {
        var options = new ClusterListenOptions { ReportsState = true, CrashAnswer = Encoding.ASCII.GetBytes(Apology) };
        var listener = await Cluster.ListenAsync(IPEndPoint.Parse("127.0.0.1:0"), options);
        while (await listener.AcceptConnectionAsync() is { } connection)
            _ = ServeAsync(connection);
        return 0;
    }

    private static async Task ServeAsync(ClusterConnection connection)
    {
        using (connection)
        {
            var line = new byte[4096];
            long sent = 0;
            while (await connection.WaitToReceiveAsync())
            {
                connection.Report(ClusterConnectionState.Busy);
                var length = 0;
                while (length == 0 || line[length - 1] != '\n')
                {
                    if (!connection.TryReceive(line.AsSpan(length), out var received))
                        await connection.WaitToReceiveAsync();
                    else if (received == 0)
                        return;
                    else
                        length += received;
                }
                var asked = Encoding.ASCII.GetString(line, 0, length - 1);
                connection.ReportRequest(asked.GetHashCode(StringComparison.Ordinal) | 1L, line.AsSpan(0, length - 1));
                var answer = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId} {asked}\n"));
                if (asked == "wait")
                {
                    Roles.Say("waits");
                    continue;
                }
                connection.ReportResponse(sent, sent + answer.Length, asked == "more" ? ClusterConnectionState.Busy : ClusterConnectionState.Idle);
                var part = asked == "half" ? answer.Length / 2 : answer.Length;
                connection.TrySend(new ReadOnlySequence<byte>(answer, 0, part), out _);
                sent += part;
                if (part == answer.Length && asked is not ("whole" or "more"))
                    connection.Report(ClusterConnectionState.Idle);
            }
        }
    }
}
