using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ProcessCluster.Testing;

namespace BenchReload;

/// <summary>A service of two workers that can be reloaded.</summary>
internal abstract class Subject : IAsyncDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public int Port { get; } = Client.FreePort();

    public Notes Notes { get; } = new();

    /// <summary>Replaces all workers; completes when that is done.</summary>
    public abstract Task ReloadAsync();

    /// <summary>Waits until so many workers are ready.</summary>
    public async Task ExpectReadyAsync(int workers)
    {
        for (var watch = Stopwatch.StartNew(); Notes.Ready.Count < workers; await Task.Delay(20))
        {
            if (watch.Elapsed > Patience)
                throw new TimeoutException($"{Notes.Ready.Count} workers are ready instead of {workers}.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Notes.Dispose();
    }

    protected abstract Task StopAsync();
}

/// <summary>This library.</summary>
internal sealed class ClusterSubject : Subject
{
    private readonly Process _process;

    private ClusterSubject(int standby, bool moves) => _process = Serve(Port, Notes, standby, ("ProcessCluster__MoveConnections", $"{moves}"));

    /// <summary>How many connections workers have given to others.</summary>
    public int Moved { get; private set; }

    public static async Task<Subject> StartAsync(int standby, bool moves = true)
    {
        var subject = new ClusterSubject(standby, moves);
        await subject.ExpectReadyAsync(2 + standby);
        return subject;
    }

    /// <summary>The application of this program as a process.</summary>
    public static Process Serve(int port, Notes notes, int standby, (string Name, string Value) variable)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["serve", $"{port}", notes.Folder, $"{standby}"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment[variable.Name] = variable.Value;
        return Process.Start(start)!;
    }

    /// <summary>Ends it and waits for that.</summary>
    public static async Task EndAsync(Process process)
    {
        using (process)
        {
            using var end = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            using var deadline = new CancellationTokenSource(Patience);
            await process.WaitForExitAsync(deadline.Token);
        }
    }

    public override async Task ReloadAsync()
    {
        await _process.StandardInput.WriteLineAsync("reload");
        await _process.StandardInput.FlushAsync();
        var result = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        if (result?.Contains("replaced 2 workers", StringComparison.Ordinal) != true)
            throw new InvalidOperationException($"The reload ended with '{result}'.");
        Moved += int.Parse(Regex.Match(result, @"(\d+) connections moved").Groups[1].Value, CultureInfo.InvariantCulture);
    }

    protected override Task StopAsync() => EndAsync(_process);
}

/// <summary>The same application as one process without a cluster, which is ended and started again.</summary>
internal sealed class KestrelSubject : Subject
{
    private Process _process;

    private KestrelSubject() => _process = Serve();

    public static async Task<Subject> StartAsync()
    {
        var subject = new KestrelSubject();
        await subject.ExpectReadyAsync(1);
        return subject;
    }

    public override async Task ReloadAsync()
    {
        await ClusterSubject.EndAsync(_process);
        _process = Serve();
        await ExpectReadyAsync(1);
    }

    protected override Task StopAsync() => ClusterSubject.EndAsync(_process);

    private Process Serve() => ClusterSubject.Serve(Port, Notes, standby: 0, ("ProcessCluster__Enabled", "false"));
}

/// <summary>PM2 in cluster mode. Its daemon has the home that PM2_HOME says, and is ended with the last application.</summary>
internal sealed class Pm2Subject(string program) : Subject
{
    public static async Task<Subject> StartAsync(string program, string configuration)
    {
        var subject = new Pm2Subject(program);
        await subject.RunAsync("start", configuration);
        await subject.ExpectReadyAsync(2);
        return subject;
    }

    /// <summary>What the command takes that asks the daemon for nothing.</summary>
    public async Task<TimeSpan> CommandTimeAsync()
    {
        var since = Stopwatch.GetTimestamp();
        await RunAsync("ping");
        return Stopwatch.GetElapsedTime(since);
    }

    public override Task ReloadAsync() => RunAsync("reload", "strict");

    protected override Task StopAsync() => RunAsync("kill");

    private async Task RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PORT"] = Port.ToString(CultureInfo.InvariantCulture);
        start.Environment["NOTES"] = Notes.Folder;
        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(Patience);
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var errors = process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"pm2 {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output} {await errors}");
        }
    }
}
