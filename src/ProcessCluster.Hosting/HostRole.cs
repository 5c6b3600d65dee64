using System.Diagnostics;
using System.Reflection;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>Whether a host that is not a worker shall be a primary, or one process as without the library, and why.</summary>
/// <param name="WhyAlone">Null for a primary.</param>
/// <param name="IsWish">Whether staying alone is what the configuration asks for, so that nobody needs to be told.</param>
internal readonly record struct HostRole(string? WhyAlone, bool IsWish)
{
    /// <exception cref="InvalidOperationException"><c>ProcessCluster:Enabled</c> is neither true nor false.</exception>
    public static HostRole Of(IServiceProvider provider, IServiceCollection services)
    {
        var enabled = provider.GetService<IConfiguration>()?[$"{ConfigureClusterOptions.Section}:Enabled"];
        if (!string.IsNullOrEmpty(enabled) && !bool.TryParse(enabled, out _))
            throw new InvalidOperationException($"{ConfigureClusterOptions.Section}:Enabled is '{enabled}': give true or false.");
        if (bool.TryParse(enabled, out var isEnabled) && !isEnabled)
            return new HostRole($"{ConfigureClusterOptions.Section}:Enabled is false", IsWish: true);
        if (Debugger.IsAttached)
            return new HostRole("a debugger is attached", IsWish: false);
        // It puts changes of the code into the one process that it has started; workers would serve the old code.
        if (Environment.GetEnvironmentVariable("DOTNET_WATCH") is "1" or "true")
            return new HostRole("dotnet watch changes the code of one process (DOTNET_WATCH)", IsWish: false);

        // TestServer, IIS in-process and the servers of design-time tools: requests do not come over ports that could be shared.
        if (services.LastOrDefault(static d => d.ServiceType == typeof(IServer)) is { } server && !IsKestrel(server))
            return new HostRole("the server is not Kestrel", IsWish: false);

        // Test hosts and tools load the program into a process of their own, which must not be started again in its place.
        var application = provider.GetRequiredService<IHostEnvironment>().ApplicationName;
        var entry = Assembly.GetEntryAssembly()?.GetName().Name;
        return entry == application
            ? default
            : new HostRole($"this process runs '{entry}', not the application '{application}' (IHostEnvironment.ApplicationName)", IsWish: false);
    }

    private static bool IsKestrel(ServiceDescriptor server) =>
        server is { IsKeyedService: false, ImplementationType: { } type } && type.Assembly == typeof(KestrelServer).Assembly;
}
