using Microsoft.Extensions.Logging;

namespace ProcessCluster.Tests;

/// <summary>A log in memory: a line for each message, which begins with its event's number.</summary>
internal sealed class RecordingLogger : ILogger
{
    public List<string> Lines { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    /// <summary>Gets the exceptions that were logged with a message.</summary>
    public List<Exception> Exceptions { get; } = [];

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (Lines)
        {
            Lines.Add($"{eventId.Id}: {formatter(state, exception)}");
            if (exception is not null)
                Exceptions.Add(exception);
        }
    }
}
