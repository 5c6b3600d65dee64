using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProcessCluster.AspNetCore.Transport;
using ProcessCluster.Hosting;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>The addresses of Kestrel. It asks for the server late, because constructing it runs the program's configuration of it.</summary>
internal sealed partial class KestrelAddresses(IServiceProvider services, ILoggerFactory loggers) : IServerAddresses
{
    /// <summary>
    /// Shows them in <c>app.Urls</c> and the server's <see cref="IServerAddressesFeature"/>. The primary does not start the server, but the
    /// program's configuration of it runs there.
    /// </summary>
    public void Show(IReadOnlyList<string> addresses)
    {
        try
        {
            if (services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>() is not { Addresses: { IsReadOnly: false } shown })
                return;
            shown.Clear();
            foreach (var address in addresses)
                shown.Add(address);
        }
        catch (Exception exception)
        {
            // What configures the server is the program's, and may be meant for workers alone. These serve.
            LogNoAddresses(loggers.CreateLogger("ProcessCluster"), exception);
        }
    }

    public IReadOnlyList<string> Bound()
    {
        if (services.GetService<IServer>() is not { } server)
            return [];
        Http3Refusal.ThrowIfAny(services.GetRequiredService<IOptions<KestrelServerOptions>>().Value);
        return [.. server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []];
    }

    [LoggerMessage(211, LogLevel.Warning, "The primary cannot show the addresses (IServerAddressesFeature): the server's configuration failed in it. The workers serve.")]
    private static partial void LogNoAddresses(ILogger logger, Exception exception);
}
