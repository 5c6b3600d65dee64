using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ProcessCluster.Hosting;

/// <summary>
/// Keeps workers from saying what the primary says once for the cluster: where it listens, and why a worker did not start. It stands before the application's logger factory,
/// whichever library that is of, because other factories than .NET's own know nothing of .NET's filters.
/// </summary>
internal sealed class WorkerLogging(ILoggerFactory inner, bool isOwned) : ILoggerFactory
{
    private const string Lifetime = "Microsoft.Hosting.Lifetime";

    /// <summary>The categories that report that the application could not start.</summary>
    private static readonly string[] OfStarts =
        ["Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Server.Kestrel"];

    /// <summary>
    /// Puts it before the factory that the services have now, and, where the builder allows it, before the one that they have when all are registered: <c>UseSerilog()</c> and the
    /// like may come later.
    /// </summary>
    public static void Restrict(IServiceCollection services, IHostBuilder? builder)
    {
        Wrap(services);
        // An object, because a container of another library gets a builder of its own here, which has no services to change any more.
        builder?.ConfigureContainer<object>(static (_, container) =>
        {
            if (container is IServiceCollection all)
                Wrap(all);
        });
    }

    public ILogger CreateLogger(string categoryName)
    {
        var logger = inner.CreateLogger(categoryName);
        if (categoryName == Lifetime)
            return new Restricted(logger, static (level, _) => level >= LogLevel.Warning);
        return Array.Exists(OfStarts, category => IsWithin(categoryName, category))
            ? new Restricted(logger, static (level, id) => level < LogLevel.Error || !WorkerHost.IsStarting || IsOfBackgroundService(id))
            : logger;
    }

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        if (isOwned)
            inner.Dispose();
    }

    private static void Wrap(IServiceCollection services)
    {
        if (services.LastOrDefault(static d => !d.IsKeyedService && d.ServiceType == typeof(ILoggerFactory)) is not { } found
            || found.ImplementationFactory?.Target is Factory)
        {
            return;
        }
        if (found.ImplementationType is { } type)
            services.TryAdd(ServiceDescriptor.Describe(type, type, found.Lifetime)); // The container chooses the constructor, as ever.
        services.Add(ServiceDescriptor.Describe(typeof(ILoggerFactory), new Factory(found).Create, found.Lifetime));
    }

    /// <summary>
    /// A background service can throw at any time, also before the host has started. The start does not fail by that, so that the primary
    /// does not know of it.
    /// </summary>
    private static bool IsOfBackgroundService(EventId id) => id.Name is "BackgroundServiceFaulted" or "BackgroundServiceStoppingHost";

    private static bool IsWithin(string name, string category) =>
        name.StartsWith(category, StringComparison.Ordinal) && (name.Length == category.Length || name[category.Length] == '.');

    /// <summary>Makes what a registration stands for, and puts the restriction before it.</summary>
    private sealed class Factory(ServiceDescriptor original)
    {
        // What the container has made it disposes, and an instance is its maker's.
        public WorkerLogging Create(IServiceProvider provider) => original switch
        {
            { ImplementationInstance: ILoggerFactory instance } => new WorkerLogging(instance, isOwned: false),
            { ImplementationFactory: { } factory } => new WorkerLogging((ILoggerFactory)factory(provider), isOwned: true),
            _ => new WorkerLogging((ILoggerFactory)provider.GetRequiredService(original.ImplementationType!), isOwned: false),
        };
    }

    private sealed class Restricted(ILogger inner, Func<LogLevel, EventId, bool> isWanted) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel); // The event, which decides too, is not known here.

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (isWanted(logLevel, eventId))
                inner.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
