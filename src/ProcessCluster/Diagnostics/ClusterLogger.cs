using Microsoft.Extensions.Logging;

namespace ProcessCluster.Diagnostics;

/// <summary>
/// The logger of this process's cluster. The cluster exists before any host does, so that the logger comes later: until a host brings
/// its own, warnings and worse go to standard error.
/// </summary>
internal sealed class ClusterLogger : ILogger
{
    private volatile ILogger? _target;

    public void WriteTo(ILoggerFactory factory) => _target = factory.CreateLogger(ClusterLog.Category);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => _target?.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => _target?.IsEnabled(logLevel) ?? logLevel is >= LogLevel.Warning and < LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (_target is { } target)
            target.Log(logLevel, eventId, state, exception, formatter);
        else if (IsEnabled(logLevel))
            Write($"ProcessCluster: {formatter(state, exception)}{(exception is null ? "" : $" {exception}")}");
    }

    private static void Write(string line)
    {
        try
        {
            Console.Error.WriteLine(line);
        }
        catch (IOException)
        {
            // A full disk, for example. There is nobody left to tell, and the cluster must not end for it.
        }
    }
}
