using ProcessCluster;
using ProcessCluster.Hosting;

namespace Microsoft.Extensions.Hosting;

/// <summary>Runs programs of <c>Host.CreateApplicationBuilder</c>, for example worker services, as clusters.</summary>
public static class ProcessClusterHostApplicationBuilderExtensions
{
    /// <summary>
    /// Runs the program as a cluster. This process becomes the primary: it runs the code around the builder, and constructs no hosted
    /// service. It starts <see cref="ClusterOptions.Workers"/> workers (one per processor by default) and replaces those that die. Each
    /// worker runs all hosted services. Options come from the configuration section <c>ProcessCluster</c>.
    /// </summary>
    /// <remarks>
    /// <para>
    /// <c>services.AddHostedServiceOnce&lt;T&gt;()</c> adds a service that runs in one worker at a time. A web server needs the package
    /// ProcessCluster.AspNetCore, whichever overload is called; without that package its host stays one process.
    /// </para>
    /// <para>
    /// The program stays one process with <c>ProcessCluster:Enabled=false</c>, on systems other than 64-bit Linux, while a debugger is
    /// attached, under <c>dotnet watch</c>, and under test hosts and design-time tools. The log says why.
    /// </para>
    /// </remarks>
    /// <typeparam name="TBuilder">The builder's type.</typeparam>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets options in code; they win over the configuration.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static TBuilder UseProcessCluster<TBuilder>(this TBuilder builder, Action<ClusterOptions>? configure = null)
        where TBuilder : IHostApplicationBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        var server = ServerParts.Find();
        ClusterHosting.Add(builder.Services, configure, server?.HostBuilderOf(builder), server);
        return builder;
    }
}

/// <summary>Runs programs of <c>Host.CreateDefaultBuilder</c> as clusters.</summary>
public static class ProcessClusterHostBuilderExtensions
{
    /// <inheritdoc
    ///   cref="ProcessClusterHostApplicationBuilderExtensions.UseProcessCluster{TBuilder}"
    ///   path="/summary|/remarks|/param|/returns|/exception"/>
    public static IHostBuilder UseProcessCluster(this IHostBuilder builder, Action<ClusterOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.ConfigureServices(services => ClusterHosting.Add(services, configure, builder, ServerParts.Find()));
    }
}
