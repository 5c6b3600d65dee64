using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ProcessCluster.Hosting;

/// <summary>The part of a web server in the hosts of a cluster. The package ProcessCluster.AspNetCore has the one of Kestrel.</summary>
internal interface IServerPart
{
    /// <summary>Returns the builder of callbacks that belongs to another builder; null when there is none.</summary>
    IHostBuilder? HostBuilderOf(IHostApplicationBuilder builder);

    /// <summary>Says why a host with these services cannot be a cluster; null when it can.</summary>
    string? WhyAlone(IServiceCollection services);

    /// <summary>Adds <see cref="IServerAddresses"/> for the primary.</summary>
    void AddToPrimary(IServiceCollection services);

    /// <summary>Adds <see cref="IServerAddresses"/>, <see cref="IClientDrain"/>, and all that the server needs in a worker.</summary>
    void AddToWorker(IServiceCollection services);
}

/// <summary>The addresses of the host's server. A host without a server has no such service.</summary>
internal interface IServerAddresses
{
    /// <summary>Shows the cluster's addresses in the primary, where the program looks for its own.</summary>
    void Show(IReadOnlyList<string> addresses);

    /// <summary>Returns the addresses of a worker whose server has started.</summary>
    /// <exception cref="NotSupportedException">The server has bound what workers cannot share.</exception>
    IReadOnlyList<string> Bound();
}

/// <summary>The clients of a worker that leaves. A host without a server has no such service.</summary>
internal interface IClientDrain
{
    /// <summary>Begins to drain. Calling it again does nothing.</summary>
    void Begin();

    /// <summary>Begins to drain, and completes when the server may be stopped.</summary>
    Task DrainAsync();

    /// <summary>Closes idle connections at once: there is no time.</summary>
    void Hurry();
}
