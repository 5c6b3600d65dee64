using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using ProcessCluster.AspNetCore.Hosting;
using ProcessCluster.Hosting;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>One line for every builder: which overload the compiler takes, and what it finds of the web server.</summary>
public sealed class Builders
{
    [Fact]
    public void Each_builder_has_one_overload_that_keeps_its_type()
    {
        WebApplicationBuilder web = WebApplication.CreateBuilder().UseProcessCluster();
        HostApplicationBuilder application = Host.CreateApplicationBuilder().UseProcessCluster(static options => options.Workers = 2);
        IHostApplicationBuilder any = Defaults<IHostApplicationBuilder>(web);
        IHostBuilder host = Host.CreateDefaultBuilder().UseProcessCluster();
        IHostBuilder ofWeb = web.Host.UseProcessCluster();
        IWebHostBuilder webHost = web.WebHost.UseProcessCluster(static options => options.Workers = 2);
        object[] all = [web, application, any, host, ofWeb, webHost];
        Assert.All(all, Assert.NotNull);
        Assert.Same(web, any);
        Assert.Same(application, Defaults(application));

        // Calls as static methods compile as before, too.
        Assert.Same(host, ProcessClusterHostBuilderExtensions.UseProcessCluster(host));
        Assert.Same(web, ProcessClusterWebApplicationBuilderExtensions.UseProcessCluster(web));
        Assert.Same(webHost, ProcessClusterWebHostBuilderExtensions.UseProcessCluster(webHost));

        static T Defaults<T>(T builder)
            where T : IHostApplicationBuilder => builder.UseProcessCluster();
    }

    [Fact]
    public void The_part_of_Kestrel_is_found_from_the_generic_package() => Assert.IsType<KestrelPart>(ServerParts.Find());

    [Fact]
    public void Types_that_moved_are_found_where_they_were()
    {
        var forwarded = typeof(KestrelPart).Assembly.GetForwardedTypes();
        Assert.Contains(typeof(ProcessClusterHostBuilderExtensions), forwarded);
        Assert.Contains(typeof(HostedServiceOnceServiceCollectionExtensions), forwarded);
    }

    [Fact]
    public void A_web_server_without_its_package_keeps_the_host_one_process()
    {
        var services = WebApplication.CreateBuilder().Services;
        using var provider = services.BuildServiceProvider();
        var role = HostRole.Of(provider, services, server: null);
        Assert.Equal("the host has a web server, whose ports workers share with the package ProcessCluster.AspNetCore only", role.WhyAlone);
        Assert.False(role.IsWish);
    }
}
