using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace ProcessCluster.AspNetCore.Draining;

/// <summary>
/// The outermost middleware of a worker: notes on its connection that a request is being served, and while the worker leaves has every
/// HTTP/1.1 response say that nothing follows it on its connection. Kestrel closes the connection after such a response.
/// </summary>
internal sealed class RequestTrackingMiddleware
{
    private static readonly Func<object, Task> RequestEnds = static connection =>
    {
        ((ConnectionLifetime)connection).RequestEnds();
        return Task.CompletedTask;
    };

    private readonly RequestDelegate _next;
    private readonly ConnectionDrain _drain;
    private readonly Func<object, Task> _responseBegins;

    public RequestTrackingMiddleware(RequestDelegate next, ConnectionDrain drain)
    {
        _next = next;
        _drain = drain;
        _responseBegins = ResponseBegins;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var connection = context.Features.Get<ConnectionLifetime>();
        var protocol = context.Features.GetRequiredFeature<IHttpRequestFeature>().Protocol;
        if (HttpProtocol.IsHttp11(protocol) || HttpProtocol.IsHttp10(protocol))
        {
            // Kestrel keeps the lists of these callbacks from request to request: this allocates nothing.
            if (connection is not null)
            {
                connection.RequestBegins(context);
                context.Response.OnCompleted(RequestEnds, connection);
            }
            context.Response.OnStarting(_responseBegins, context);
        }
        else if (connection is not null)
        {
            connection.Http2RequestBegins(context);
        }
        return _next(context);
    }

    private Task ResponseBegins(object context)
    {
        if (_drain.IsDraining
            && context is HttpContext { Response: { StatusCode: not StatusCodes.Status101SwitchingProtocols } response } request
            && request.Features.Get<ConnectionLifetime>() is not { WillMove: true })
        {
            response.Headers.Connection = "close";
        }
        return Task.CompletedTask;
    }

    /// <summary>Puts the middleware before all others.</summary>
    public sealed class Filter : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseMiddleware<RequestTrackingMiddleware>();
            next(app);
        };
    }
}
