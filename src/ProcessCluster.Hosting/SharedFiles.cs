using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ProcessCluster.Hosting;

/// <summary>
/// Looks, in development, for files that several workers write without regard to each other, as log files are: each writes at its own position, over the others' lines. The sign is a regular
/// file that several workers have open only for writing, and not for appending (<c>O_APPEND</c>). Databases open their files for reading too. A worker that has a named mutex open is left out:
/// with it, logs that are made for several processes take turns.
/// </summary>
internal sealed partial class SharedFiles : IAsyncDisposable
{
    /// <summary>Some programs open their log with its first line, which may come with the first request.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    private const int Looks = 12;

    private readonly ICluster _cluster;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly HashSet<string> _warned = [];
    private int _looks;

    private SharedFiles(ICluster cluster, ILogger logger)
    {
        _cluster = cluster;
        _logger = logger;
        _timer = TimeProvider.System.CreateTimer(static state => ((SharedFiles)state!).Poll(), this, TimeSpan.Zero, PollInterval);
    }

    /// <summary>Looks for a minute from now on. Null where it is not to.</summary>
    public static SharedFiles? WarnOf(ICluster cluster, IServiceProvider services, ILogger logger) =>
        services.GetRequiredService<IHostEnvironment>().IsDevelopment() ? new SharedFiles(cluster, logger) : null;

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    /// <summary>The files that a process has open only for writing, and not for appending, but for its standard streams.</summary>
    /// <param name="folder">The process's folder below <c>/proc</c>. A part that is not there, or that this process may not read, counts as empty.</param>
    internal static IEnumerable<string> WrittenIn(string folder)
    {
        const int lastStandardStream = 2;
        try
        {
            var open = Directory.EnumerateFiles(Path.Combine(folder, "fd")).Select(static path => new FileInfo(path).LinkTarget);
            if (open.Any(static target => target?.Contains("/.dotnet/shm/", StringComparison.Ordinal) == true || target?.Contains("/.dotnet/lockfiles/", StringComparison.Ordinal) == true))
                return [];
            return [.. Directory.EnumerateFiles(Path.Combine(folder, "fdinfo"))
                .Where(static info => int.TryParse(Path.GetFileName(info), CultureInfo.InvariantCulture, out var number) && number > lastStandardStream && IsOnlyWritten(info))
                .Select(info => new FileInfo(Path.Combine(folder, "fd", Path.GetFileName(info))).LinkTarget)
                .OfType<string>()
                .Where(static path => new FileInfo(path) is { Exists: true, Length: > 0 })]; // No pipe, no socket, no device, nothing that is deleted.
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // The process is gone, or the system does not tell.
        }
    }

    private static bool IsOnlyWritten(string info)
    {
        const int accessMode = 3, onlyWriting = 1, appending = 0x400;
        const string name = "flags:";
        try
        {
            var line = File.ReadLines(info).FirstOrDefault(static line => line.StartsWith(name, StringComparison.Ordinal));
            var flags = line is null ? 0 : Convert.ToInt32(line[name.Length..].Trim(), 8);
            return (flags & accessMode) == onlyWriting && (flags & appending) == 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            return false; // It was closed meanwhile.
        }
    }

    private void Poll()
    {
        if (Interlocked.Increment(ref _looks) > Looks)
        {
            _timer.Dispose();
            return;
        }
        var shared = _cluster.Workers.Values
            .SelectMany(static worker => WrittenIn(string.Create(CultureInfo.InvariantCulture, $"/proc/{worker.ProcessId}")).Distinct().Select(path => (worker.Id, Path: path)))
            .GroupBy(static file => file.Path, static file => file.Id)
            .Where(static file => file.Count() > 1)
            .ToList();
        lock (_warned)
        {
            foreach (var file in shared.Where(file => _warned.Add(file.Key)))
                LogShared(_logger, string.Join(", ", file.Order()), file.Key);
        }
    }

    [LoggerMessage(212, LogLevel.Warning, "Workers {Workers} write the file {Path} at positions of their own: they destroy each other's lines. Put the worker's slot in the name, share the file as its library can, or log to standard output (docs/guides/aspnetcore.md).")]
    private static partial void LogShared(ILogger logger, string workers, string path);
}
