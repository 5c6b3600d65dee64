// Workers are killed, and a client keeps its one connection. README.md says how to watch it: a server, a client and a killer, each this program.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

const int Port = 3009;

switch (args)
{
    case ["client"]:
        return await Client.RunAsync(Port);
    case ["killer"]:
        return await Killer.RunAsync(Port, TimeSpan.FromDays(1));
    case ["killer", var seconds] when int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var number):
        return await Killer.RunAsync(Port, TimeSpan.FromSeconds(number));
    case ["client" or "killer", ..]:
        Console.Error.WriteLine("Either nothing, for the server, or: client, killer, killer <seconds>");
        return 2;
}

var builder = WebApplication.CreateBuilder(args);
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddSimpleConsole(options => options.SingleLine = true);
builder.UseProcessCluster(options =>
{
    options.Workers = 2;
    options.StandbyWorkers = 1;                 // Booted already: takes the place of one that is killed at once.
    options.ConnectionSurvival.Enabled = true;  // As it is anyway where there is a standby worker.

    // Somebody kills them all the time, and they are not to blame: no pause before the next one, and no end to it.
    options.Restart.StableAfter = TimeSpan.FromSeconds(1);
    options.Restart.MaxRestarts = 1000;
});

var app = builder.Build();
app.MapGet("/", () => Results.Text($"{Environment.ProcessId}\n"));
app.MapGet("/slow", async () =>
{
    await Task.Delay(3000);
    return Results.Text($"{Environment.ProcessId}\n");
});
app.Run($"http://127.0.0.1:{Port}");
return 0;

/// <summary>Asks four times in a second, on the same connection as long as there is one. Nothing is asked twice and nothing is hidden.</summary>
internal static class Client
{
    public static async Task<int> RunAsync(int port)
    {
        var (answers, opened, badGateways, cut) = (0, 0, 0, 0);
        var workers = new HashSet<string>();
        using var end = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true; // Not at once: first it says what it has seen.
            end.Cancel();
        };
        try
        {
            while (true)
            {
                using var connection = await Connection.OpenAsync(port);
                Console.WriteLine($"Connection {++opened}, from port {connection.LocalPort}");
                string? before = null;
                while (true)
                {
                    var since = Stopwatch.GetTimestamp();
                    var (status, worker) = await connection.TryAskAsync("/");
                    if (status is 502 or 0)
                    {
                        _ = status == 502 ? badGateways++ : cut++;
                        Console.WriteLine(status == 502 ? "502: the worker ended with the request under way" : "Cut: the connection ended without an answer");
                        break;
                    }
                    workers.Add(worker);
                    var note = before is not null && before != worker ? $"  worker {before} is gone, the connection is not" : "";
                    Console.WriteLine($"{++answers,5}  worker {worker,-7}  port {connection.LocalPort}  {Stopwatch.GetElapsedTime(since).TotalMilliseconds,6:0.0} ms{note}");
                    before = worker;
                    await Task.Delay(250, end.Token);
                }
                await Task.Delay(250, end.Token);
            }
        }
        catch (SocketException)
        {
            Console.WriteLine($"Nobody listens on port {port}.");
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
        finally
        {
            Console.WriteLine($"{answers} answers of {workers.Count} workers on {opened} connections, {badGateways} times 502, {cut} cut");
        }
    }
}

/// <summary>Kills the oldest worker every 2 s, so that each has its turn.</summary>
internal static class Killer
{
    public static async Task<int> RunAsync(int port, TimeSpan time)
    {
        for (var since = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(since) < time; await Task.Delay(2000))
        {
            var workers = await WorkersAsync(port);
            if (workers.Count < 2)
            {
                Console.WriteLine($"Fewer than two workers answer on port {port}: is the server there?");
                continue; // Without a cluster it would be all there is.
            }
            using var oldest = workers.Select(Process.GetProcessById).MinBy(worker => worker.StartTime)!;
            oldest.Kill(); // SIGKILL: nothing of the worker runs any more.
            Console.WriteLine($"Killed worker {oldest.Id}, of {string.Join(" and ", workers)}");
        }
        return 0;
    }

    /// <summary>New connections go to whoever has the fewest: some at the same time, and everybody has one.</summary>
    private static async Task<SortedSet<int>> WorkersAsync(int port)
    {
        var connections = new List<Connection>();
        var workers = new SortedSet<int>();
        try
        {
            for (var i = 0; i < 4; i++)
            {
                connections.Add(await Connection.OpenAsync(port));
                if (await connections[i].TryAskAsync("/") is (200, var worker))
                    workers.Add(int.Parse(worker, CultureInfo.InvariantCulture));
            }
        }
        catch (SocketException)
        {
            // Nobody listens: then there are none.
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }
        return workers;
    }
}

/// <summary>One TCP connection, with just as much of HTTP/1.1 as it takes to see what happens to it.</summary>
internal sealed class Connection(TcpClient tcp) : IDisposable
{
    private readonly StreamReader _reader = new(tcp.GetStream());

    public int LocalPort { get; } = ((IPEndPoint)tcp.Client.LocalEndPoint!).Port;

    public static async Task<Connection> OpenAsync(int port)
    {
        var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(IPAddress.Loopback, port);
        return new Connection(tcp);
    }

    /// <summary>The status and the body; 0 when the connection ends before the answer does.</summary>
    public async Task<(int Status, string Body)> TryAskAsync(string path)
    {
        try
        {
            await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
            var status = await ReadLineAsync();
            var length = 0;
            while (await ReadLineAsync() is { Length: > 0 } header)
            {
                if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                    length = int.Parse(header.AsSpan("Content-Length:".Length), CultureInfo.InvariantCulture);
            }
            var body = new char[length];
            return await _reader.ReadBlockAsync(body) == length
                ? (int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture), new string(body).TrimEnd())
                : default;
        }
        catch (IOException)
        {
            return default;
        }
    }

    private async Task<string> ReadLineAsync() => await _reader.ReadLineAsync() ?? throw new EndOfStreamException();

    public void Dispose()
    {
        _reader.Dispose();
        tcp.Dispose();
    }
}
