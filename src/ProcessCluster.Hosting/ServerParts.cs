using Microsoft.Extensions.DependencyInjection;

namespace ProcessCluster.Hosting;

/// <summary>Finds the <see cref="IServerPart"/> of a program.</summary>
internal static class ServerParts
{
    private const string ServerType = "Microsoft.AspNetCore.Hosting.Server.IServer";

    /// <summary>
    /// Returns the part of Kestrel when the program has the package ProcessCluster.AspNetCore; null otherwise. The call of
    /// <c>UseProcessCluster()</c> may be in a library that knows of generic hosts only. The name is a constant, so that trimming keeps the type.
    /// </summary>
    public static IServerPart? Find() =>
        Type.GetType("ProcessCluster.AspNetCore.Hosting.KestrelPart, ProcessCluster.AspNetCore") is { } type
            ? (IServerPart?)Activator.CreateInstance(type)
            : null;

    /// <summary>Gets whether these services have a web server, whose type this assembly does not know.</summary>
    public static bool HasServer(IServiceCollection services) => services.Any(static d => d.ServiceType.FullName == ServerType);
}
