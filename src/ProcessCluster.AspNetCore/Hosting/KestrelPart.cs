using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using ProcessCluster.AspNetCore.Draining;
using ProcessCluster.AspNetCore.Transport;
using ProcessCluster.Hosting;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>
/// The part of Kestrel in the hosts of a cluster: its transport, draining, and the addresses. <see cref="ServerParts.Find"/> has its name,
/// for calls of <c>UseProcessCluster()</c> that know of generic hosts only.
/// </summary>
internal sealed class KestrelPart : IServerPart
{
    public IHostBuilder? HostBuilderOf(IHostApplicationBuilder builder) => (builder as WebApplicationBuilder)?.Host;

    /// <summary>TestServer, IIS in-process and the servers of design-time tools get requests otherwise than over ports that could be shared.</summary>
    public string? WhyAlone(IServiceCollection services) =>
        services.LastOrDefault(static d => d.ServiceType == typeof(IServer)) is { } server && !IsKestrel(server)
            ? "the server is not Kestrel"
            : null;

    public void AddToPrimary(IServiceCollection services) => services.AddSingleton<IServerAddresses, KestrelAddresses>();

    public void AddToWorker(IServiceCollection services)
    {
        SystemdHandles.ShowToKestrel();
        services.AddSingleton<IConnectionListenerFactory, ClusterTransportFactory>();
        services.AddSingleton<IMultiplexedConnectionListenerFactory, Http3Refusal>();
        services.AddSingleton<IServerAddresses, KestrelAddresses>();
        services.AddSingleton<IStartupFilter, RequestTracking>();
        services.AddSingleton<ConnectionDrain>();
        services.AddSingleton<IClientDrain>(static provider => provider.GetRequiredService<ConnectionDrain>());
        services.Insert(0, ServiceDescriptor.Singleton<IStartupFilter, RequestTrackingMiddleware.Filter>()); // The first one is the outermost.
    }

    private static bool IsKestrel(ServiceDescriptor server) =>
        server is { IsKeyedService: false, ImplementationType: { } type } && type.Assembly == typeof(KestrelServer).Assembly;
}
