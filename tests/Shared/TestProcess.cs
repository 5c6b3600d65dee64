using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace ProcessCluster.Testing;

/// <summary>
/// A program under test: its lines, its signals, its exit, and at the end the proof that nothing of it is left. Waiting is always for an
/// event, with a deadline.
/// </summary>
public sealed partial class TestProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const string Mark = "PROCESSCLUSTER_TEST_ID";

    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly Process _process;
    private readonly List<string> _output = [];
    private readonly List<string> _errors = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private TestProcess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment[Mark] = _id;
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment.TryAdd("DOTNET_TieredPGO", "0"); // Measuring what is called how often takes an eighth of the time of processes that live for seconds.
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Add(_output, e.Data);
        _process.ErrorDataReceived += (_, e) => Add(_errors, e.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public string Output => Text(_output);

    public string Errors => Text(_errors);

    /// <summary>The processes that this one has started, and theirs, that are alive.</summary>
    public IReadOnlyList<int> Descendants => [.. MarkedProcesses().Where(id => id != Id)];

    /// <summary>Starts the test program by its app host.</summary>
    public static TestProcess Start(string arguments, params (string Name, string Value)[] environment) =>
        StartFile(TestPaths.TestApp, arguments, environment);

    public static TestProcess StartFile(string file, string arguments, params (string Name, string Value)[] environment)
    {
        // A shell starts background jobs, and so what a test run in one starts, with SIGINT and SIGQUIT ignored (POSIX, Shell Command Language, 2.11).
        var start = new ProcessStartInfo("env", $"--default-signal=INT,QUIT \"{file}\" {arguments}");
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new TestProcess(start);
    }

    /// <summary>As a terminal would: a process group of its own.</summary>
    public static TestProcess StartAsGroup(string arguments, params (string Name, string Value)[] environment) =>
        StartFile("setsid", $"{TestPaths.TestApp} {arguments}", environment);

    public void Send(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>The first line of the output, from the start, that fits.</summary>
    public async Task<Match> Expect(string pattern, TimeSpan? within = null) => (await ExpectAll(pattern, 1, within))[0];

    /// <summary>So many lines that fit.</summary>
    public Task<IReadOnlyList<Match>> ExpectAll(string pattern, int count, TimeSpan? within = null) => ExpectAll(_output, pattern, count, within);

    private async Task<IReadOnlyList<Match>> ExpectAll(List<string> lines, string pattern, int count, TimeSpan? within)
    {
        using var deadline = new CancellationTokenSource(within ?? Patience);
        while (true)
        {
            var news = Volatile.Read(ref _news).Task;
            var found = Find(lines, pattern);
            if (found.Count >= count)
                return found;
            try
            {
                await news.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new XunitException($"Not in time: {count} × /{pattern}/.{Environment.NewLine}{Describe()}");
            }
        }
    }

    /// <summary>The first line of the standard error that fits.</summary>
    public async Task ExpectError(string pattern, TimeSpan? within = null) => await ExpectAll(_errors, pattern, 1, within);

    public int Count(string pattern) => Find(_output, pattern).Count;

    /// <summary>Reads no more of the standard error, so that its pipe fills; until <see cref="ReadErrors"/>.</summary>
    public void StopReadingErrors() => _process.CancelErrorRead();

    public void ReadErrors() => _process.BeginErrorReadLine();

    public void Signal(Signal signal) => SendSignal(Id, signal);

    public void SignalGroup(Signal signal) => SendSignal(-Id, signal);

    public static void SendSignal(int id, Signal signal)
    {
        if (kill(id, (int)signal) != 0)
            throw new XunitException($"{signal} could not be sent to {id}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>SIGSTOP, and its effect: threads stop one after another, and until then do what they did.</summary>
    public static async Task Stop(int id)
    {
        SendSignal(id, ProcessCluster.Signal.SIGSTOP);
        await Wait.Until(() => Directory.EnumerateDirectories($"/proc/{id}/task").All(IsStopped));
    }

    private static bool IsStopped(string thread)
    {
        try
        {
            return File.ReadLines($"{thread}/status").Any(line => line.StartsWith("State:\tT", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return true; // It has ended meanwhile, or ends: ESRCH.
        }
    }

    /// <summary>The exit code, once the program has ended and its output is read.</summary>
    public async Task<int> Exit(TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Patience);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new XunitException($"Did not end in time.{Environment.NewLine}{Describe()}");
        }
        return _process.ExitCode;
    }

    /// <summary>Completes when no process is left of those that this one has started.</summary>
    public async Task ExpectNobodyLeft(TimeSpan within)
    {
        var watch = Stopwatch.StartNew();
        while (MarkedProcesses() is { Count: > 0 } left)
        {
            if (watch.Elapsed > within)
                throw new XunitException($"Left after {within}: {string.Join(", ", left.Select(Name))}.{Environment.NewLine}{Describe()}");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Whatever a spec has left running ends here; what had ended must have left nothing.
        var hasEnded = _process.HasExited;
        if (!hasEnded)
        {
            // What a failed spec has stopped could not end, and that failure would hide the spec's.
            foreach (var stopped in MarkedProcesses())
                kill(stopped, (int)ProcessCluster.Signal.SIGCONT);
            kill(Id, (int)ProcessCluster.Signal.SIGTERM);
        }
        try
        {
            if (!hasEnded)
                await Exit();
            await ExpectNobodyLeft(TimeSpan.FromSeconds(5));
        }
        finally
        {
            foreach (var left in MarkedProcesses())
                kill(left, (int)ProcessCluster.Signal.SIGKILL);
            _process.Dispose();
        }
    }

    public string Describe() => $"Output:{Environment.NewLine}{Output}{Environment.NewLine}Errors:{Environment.NewLine}{Errors}";

    /// <summary>Every process that inherited the mark, the program itself among them. Zombies have no environment any more.</summary>
    private List<int> MarkedProcesses()
    {
        var found = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out var id) && HasMark(id))
                found.Add(id);
        }
        return found;
    }

    private bool HasMark(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/environ").Contains($"{Mark}={_id}", StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // It has ended meanwhile, or is somebody else's.
        }
    }

    private static string Name(int id)
    {
        try
        {
            return $"{id} ({File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' ')})";
        }
        catch (IOException)
        {
            return $"{id} (ended)";
        }
    }

    private void Add(List<string> lines, string? line)
    {
        if (line is null)
            return;
        lock (lines)
            lines.Add(line);
        Interlocked.Exchange(ref _news, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    private static List<Match> Find(List<string> lines, string pattern)
    {
        lock (lines)
            return [.. lines.Select(line => Regex.Match(line, pattern)).Where(match => match.Success)];
    }

    private static string Text(List<string> lines)
    {
        lock (lines)
            return string.Join(Environment.NewLine, lines);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int id, int signal);
}
