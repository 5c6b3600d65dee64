using System.Diagnostics;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ProcessCluster.Hosting;

/// <summary>The role of a host that is not a worker: a primary, or one process as without the library, with the reason.</summary>
/// <param name="WhyAlone">Null for a primary.</param>
/// <param name="IsWish">True when staying alone is what the configuration asks for, so that nobody needs to be told.</param>
internal readonly record struct HostRole(string? WhyAlone, bool IsWish)
{
    /// <exception cref="InvalidOperationException"><c>ProcessCluster:Enabled</c> is neither true nor false.</exception>
    public static HostRole Of(IServiceProvider provider, IServiceCollection services, IServerPart? server)
    {
        var enabled = provider.GetService<IConfiguration>()?[$"{ConfigureClusterOptions.Section}:Enabled"];
        if (!string.IsNullOrEmpty(enabled) && !bool.TryParse(enabled, out _))
            throw new InvalidOperationException($"{ConfigureClusterOptions.Section}:Enabled is '{enabled}': give true or false.");
        if (bool.TryParse(enabled, out var isEnabled) && !isEnabled)
            return new HostRole($"{ConfigureClusterOptions.Section}:Enabled is false", IsWish: true);
        return WhyAloneAnyway(provider, services, server) is { } reason ? new HostRole(reason, IsWish: false) : default;
    }

    private static string? WhyAloneAnyway(IServiceProvider provider, IServiceCollection services, IServerPart? server)
    {
        if (!Cluster.IsSupported)
            return "a cluster needs 64-bit Linux";
        if (Debugger.IsAttached)
            return "a debugger is attached";
        // It puts changes of the code into the one process that it has started; workers would serve the old code.
        if (Environment.GetEnvironmentVariable("DOTNET_WATCH") is "1" or "true")
            return "dotnet watch changes the code of one process (DOTNET_WATCH)";

        if (server is not null)
        {
            if (server.WhyAlone(services) is { } reason)
                return reason;
        }
        else if (ServerParts.HasServer(services))
        {
            return "the host has a web server, whose ports workers share with the package ProcessCluster.AspNetCore only";
        }

        // Test hosts and tools load the program into a process of their own, which must not be started again in its place.
        var application = provider.GetRequiredService<IHostEnvironment>().ApplicationName;
        var entry = Assembly.GetEntryAssembly()?.GetName().Name;
        return entry == application
            ? null
            : $"this process runs '{entry}', not the application '{application}' (IHostEnvironment.ApplicationName)";
    }
}
