using Microsoft.AspNetCore.Hosting;
using ProcessCluster;
using ProcessCluster.AspNetCore.Hosting;
using ProcessCluster.Hosting;

namespace Microsoft.AspNetCore.Builder
{
    /// <summary>Runs web applications as clusters.</summary>
    public static class ProcessClusterWebApplicationBuilderExtensions
    {
        /// <summary>
        /// Runs the application as a cluster: this process becomes the primary, which runs nothing of the application but the code around
        /// the builder; it starts <see cref="ClusterOptions.Workers"/> workers (one per processor by default), gives them the connections,
        /// and replaces those that die. Options come from the configuration section <c>ProcessCluster</c>. The program's own Kestrel
        /// configuration holds unchanged.
        /// </summary>
        /// <remarks>
        /// The program stays one process with <c>ProcessCluster:Enabled=false</c>, on systems other than 64-bit Linux, while a debugger is
        /// attached, under <c>dotnet watch</c>, under test hosts and design-time tools (where the process is not the application, or the server
        /// not Kestrel), and in-process in IIS; the log says so.
        /// </remarks>
        /// <param name="builder">The builder.</param>
        /// <param name="configure">Sets options in code; they win over the configuration.</param>
        /// <returns>The builder.</returns>
        public static WebApplicationBuilder UseProcessCluster(this WebApplicationBuilder builder, Action<ClusterOptions>? configure = null)
        {
            ArgumentNullException.ThrowIfNull(builder);
            ClusterHosting.Add(builder.Services, configure, builder.Host, new KestrelPart());
            return builder;
        }
    }
}

namespace Microsoft.AspNetCore.Hosting
{
    /// <summary>Runs web hosts as clusters.</summary>
    public static class ProcessClusterWebHostBuilderExtensions
    {
        /// <inheritdoc cref="AspNetCore.Builder.ProcessClusterWebApplicationBuilderExtensions.UseProcessCluster"/>
        /// <exception cref="InvalidOperationException">At build: the builder is the obsolete WebHostBuilder, which has no generic host.</exception>
        public static IWebHostBuilder UseProcessCluster(this IWebHostBuilder builder, Action<ClusterOptions>? configure = null)
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.ConfigureServices(services => ClusterHosting.Add(services, configure, builder: null, new KestrelPart()));
        }
    }
}
