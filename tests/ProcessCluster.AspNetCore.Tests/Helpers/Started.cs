using System.Globalization;
using System.Net;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A web application that is up.</summary>
internal sealed class Started : IAsyncDisposable
{
    private readonly int _workers;

    private Started(TestProcess process, string address, int workers) => (Process, Address, _workers) = (process, address, workers);

    public TestProcess Process { get; }

    public string Address { get; }

    public int Port => new Uri(Address).Port;

    public static Task<Started> Web(string builder, int workers, params (string, string)[] environment) =>
        Web(builder, workers, group: false, environment);

    public static async Task<Started> Web(string builder, int workers, bool group, params (string, string)[] environment)
    {
        (string, string)[] all =
        [
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
            ("ProcessCluster__Workers", workers.ToString(CultureInfo.InvariantCulture)),
            .. environment,
        ];
        var process = group ? TestProcess.StartAsGroup($"web {builder}", all) : TestProcess.Start($"web {builder}", all);
        try
        {
            var listening = await process.Expect(@"A cluster of (\d+) workers listens on (\S+?)(, |\.$)");
            Assert.Equal($"{workers}", listening.Groups[1].Value);
            return new Started(process, listening.Groups[2].Value, workers);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public static async Task<Started> Alone(params (string, string)[] environment)
    {
        var process = TestProcess.Start("web minimal", [("ASPNETCORE_URLS", "http://127.0.0.1:0"), .. environment]);
        try
        {
            var listening = await process.Expect(@"Now listening on: (\S+)$");
            return new Started(process, listening.Groups[1].Value, 0);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>The workers' process ids, in order.</summary>
    public async Task<IReadOnlyList<int>> WorkerIds() =>
        [.. (await Process.ExpectAll(@"^service started (\d+)$", _workers)).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).Order()];

    /// <summary>A connection of a client that never retries; with TLS when there is the hash of the certificate.</summary>
    public Task<StrictConnection> Open(CancellationToken deadline, string? certificateHash = null) =>
        StrictConnection.OpenAsync(new IPEndPoint(IPAddress.Loopback, Port), certificateHash, deadline);

    /// <summary>One that a certain worker serves.</summary>
    public async Task<StrictConnection> OpenTo(int worker, CancellationToken deadline, string? certificateHash = null)
    {
        while (true)
        {
            var connection = await Open(deadline, certificateHash);
            var answer = await connection.AskAsync(StrictConnection.Request("/"), deadline);
            if (Encoding.ASCII.GetString(answer.Body) == worker.ToString(CultureInfo.InvariantCulture))
                return connection;
            connection.Dispose();
        }
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}
