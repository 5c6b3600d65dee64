using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace ProcessCluster.TestApp;

/// <summary>What a program tells Kestrel in code, by the variable KESTREL; and what is asked of it over all kinds of connections.</summary>
internal static class WebListen
{
    public static void Add(IServiceCollection services)
    {
        if (Environment.GetEnvironmentVariable("OPTIONS") is { } options)
            services.Configure<ClusterListenOptions>(set => ListenRoles.Set(set, options));
    }

    public static void Configure(KestrelServerOptions kestrel)
    {
        switch ((Environment.GetEnvironmentVariable("KESTREL") ?? "").Split(' '))
        {
            case ["unix", var path]:
                kestrel.ListenUnixSocket(path);
                break;
            case ["abstract", var name]:
                kestrel.Listen(new UnixDomainSocketEndPoint($"\0{name}"));
                break;
            case ["handle", var number]:
                kestrel.ListenHandle(ulong.Parse(number, CultureInfo.InvariantCulture));
                break;
            case ["inherited", var name]:
                kestrel.Listen(new InheritedEndPoint(name));
                break;
            case ["systemd"]:
                kestrel.UseSystemd();
                break;
            case ["protocols", var protocols]:
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = Enum.Parse<HttpProtocols>(protocols));
                break;
            case ["http2-beside", var port]:
                kestrel.Listen(IPAddress.Loopback, 0);
                kestrel.Listen(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture), listen => listen.Protocols = HttpProtocols.Http2);
                break;
            case ["default-protocols", var protocols]:
                kestrel.ConfigureEndpointDefaults(listen => listen.Protocols = Enum.Parse<HttpProtocols>(protocols));
                break;
            case ["client-certificate", var hash]:
                kestrel.ConfigureHttpsDefaults(https =>
                {
                    https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                    https.ClientCertificateValidation = (certificate, _, _) => certificate.GetCertHashString() == hash;
                });
                break;
            case ["veto"]:
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Use(next => context =>
                {
                    context.Features.Get<IConnectionMoveFeature>()!.CanMove = false;
                    return next(context);
                }));
                break;
            case ["proxy"]:
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Use(next => context => ReadProxyLineAsync(context, next)));
                break;
        }
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/client-certificate", (HttpContext context) => context.Connection.ClientCertificate?.GetCertHashString() ?? "none");

        // As a method of gRPC that streams both ways: each message is answered as it comes, the status is in the trailers.
        app.MapPost("/grpc", async (HttpContext context) =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.FlushAsync();
            var messages = 0;
            var header = new byte[5];
            while (await context.Request.Body.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false) == header.Length)
            {
                var message = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1))];
                await context.Request.Body.ReadExactlyAsync(message);
                await context.Response.Body.WriteAsync((byte[])[.. header, .. message]);
                await context.Response.Body.FlushAsync();
                messages++;
            }
            context.Response.AppendTrailer("grpc-status", "0");
            context.Response.AppendTrailer("grpc-message", $"{messages} messages by {Environment.ProcessId}");
        });
    }

    /// <summary>The first line of a connection says who the client is: version 1 of HAProxy's PROXY protocol.</summary>
    private static async Task ReadProxyLineAsync(ConnectionContext context, ConnectionDelegate next)
    {
        context.Features.Get<IConnectionMoveFeature>()?.CanMove = false; // Its line comes once.
        var input = context.Transport.Input;
        while (true)
        {
            var read = await input.ReadAsync();
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var fields = Encoding.ASCII.GetString(read.Buffer.Slice(0, end)).Split(' '); // PROXY TCP4 source destination port port
                context.RemoteEndPoint = new IPEndPoint(IPAddress.Parse(fields[2]), int.Parse(fields[4], CultureInfo.InvariantCulture));
                input.AdvanceTo(read.Buffer.GetPosition(1, end));
                await next(context);
                return;
            }
            if (read.IsCompleted)
                return;
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
