using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>Counts the HTTP requests of a worker, before all that the application does with them.</summary>
internal sealed class RequestTracking(ICluster cluster) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => application =>
    {
        var self = cluster.Worker!;
        application.Use(request => async context =>
        {
            using (self.TrackRequest())
                await request(context).ConfigureAwait(false);
        });
        next(application);
    };
}
