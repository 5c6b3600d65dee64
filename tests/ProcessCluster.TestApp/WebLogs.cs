using System.Collections.Concurrent;
using Serilog;
using ILogger = Microsoft.Extensions.Logging.ILogger;

namespace ProcessCluster.TestApp;

/// <summary>Logging by other libraries than .NET's, registered before or after the cluster.</summary>
internal static class WebLogs
{
    public static void Add(IHostBuilder host, IServiceCollection services, bool isLate)
    {
        switch (Environment.GetEnvironmentVariable("LOGS")?.Split(' '))
        {
            case ["own"] when !isLate:
            case ["own-late"] when isLate:
                services.AddSingleton<ILoggerFactory, OwnLoggers>();
                break;
            case ["serilog"] when !isLate:
            case ["serilog-late"] when isLate:
                host.UseSerilog(static (_, logs) => logs.WriteTo.Console(outputTemplate: "{SourceContext}: {Message:lj}{NewLine}{Exception}"));
                break;
            case ["serilog-file", var path, .. var shared] when !isLate:
                host.UseSerilog((_, logs) => logs.WriteTo.Console(outputTemplate: "{Message:lj}{NewLine}").WriteTo.File(path, shared: shared is ["shared"]));
                break;
        }
    }

    /// <summary>A factory that knows nothing of filters, and says when it is disposed.</summary>
    private sealed class OwnLoggers : ILoggerFactory
    {
        private readonly ConcurrentDictionary<string, Own> _loggers = new();

        public ILogger CreateLogger(string categoryName) => _loggers.GetOrAdd(categoryName, static name => new Own(name));

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose() => Console.WriteLine($"loggers disposed {Environment.ProcessId}");
    }

    private sealed class Own(string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Console.WriteLine($"{category}: {formatter(state, exception)} {exception?.Message}".TrimEnd());
        }
    }
}
