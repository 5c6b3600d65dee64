using Microsoft.Extensions.Logging;

namespace ProcessCluster.Diagnostics;

/// <summary>
/// The logger of this process's cluster. The cluster exists before any host does, so that the logger comes later: until a host brings
/// its own, warnings and worse go to standard error.
/// </summary>
internal sealed class ClusterLogger : ILogger
{
    private volatile ILogger? _target;

    // It takes a descriptor to be opened, which there is none of when that is what has to be said.
    public ClusterLogger() => _ = Console.Error;

    public void WriteTo(ILoggerFactory factory) => _target = factory.CreateLogger(ClusterLog.Category);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => _target?.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => _target?.IsEnabled(logLevel) ?? logLevel is >= LogLevel.Warning and < LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            if (_target is { } target)
                target.Log(logLevel, eventId, state, exception, formatter);
            else if (IsEnabled(logLevel))
                Console.Error.WriteLine($"ProcessCluster: {formatter(state, exception)}{(exception is null ? "" : $" {exception}")}");
        }
        catch (Exception)
        {
            // A log that cannot be written, or a provider of the program's that throws, ends neither the loop nor the cluster with it.
        }
    }
}
