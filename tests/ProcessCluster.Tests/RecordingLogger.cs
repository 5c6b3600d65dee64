using Microsoft.Extensions.Logging;

namespace ProcessCluster.Tests;

/// <summary>A log in memory: a line for each message, which begins with its event's number.</summary>
internal sealed class RecordingLogger : ILogger
{
    public List<string> Lines { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Add($"{eventId.Id}: {formatter(state, exception)}");
}
