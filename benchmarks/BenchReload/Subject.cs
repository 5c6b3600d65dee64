using System.Diagnostics;
using System.Globalization;
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

    private ClusterSubject(int standby) => _process = Process.Start(
        new ProcessStartInfo(Environment.ProcessPath!, ["serve", Text(Port), Notes.Folder, Text(standby)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    public static async Task<Subject> StartAsync(int standby)
    {
        var subject = new ClusterSubject(standby);
        await subject.ExpectReadyAsync(2 + standby);
        return subject;
    }

    public override async Task ReloadAsync()
    {
        await _process.StandardInput.WriteLineAsync("reload");
        await _process.StandardInput.FlushAsync();
        var result = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        if (result?.Contains("replaced 2 workers", StringComparison.Ordinal) != true)
            throw new InvalidOperationException($"The reload ended with '{result}'.");
    }

    protected override async Task StopAsync()
    {
        using (_process)
        {
            using var end = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            using var deadline = new CancellationTokenSource(Patience);
            await _process.WaitForExitAsync(deadline.Token);
        }
    }
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
