using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ProcessCluster.TestApp;

/// <summary>What the clients of the chaos spec ask for: every request has an id, and each process writes down the ids that it has begun to execute.</summary>
internal static class WebChaos
{
    private static readonly Lock Gate = new();
    private static FileStream? _executed;

    private static string? Folder => Environment.GetEnvironmentVariable("CHAOS_FOLDER");

    /// <summary>One port for HTTP/1.1, one for HTTP/2.</summary>
    public static void Configure(KestrelServerOptions kestrel)
    {
        if (Folder is null)
            return;
        kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http1);
        kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2);
    }

    public static void Add(IServiceCollection services) => services.AddMessageHandler<Cubes>();

    public static void Map(IEndpointRouteBuilder app)
    {
        if (Folder is not { } folder || !Cluster.IsWorker)
            return;
        // Open from the beginning: a worker that has no descriptor left can still write down what it does.
        _executed = new FileStream(
            Path.Combine(folder, "executed", $"{Environment.ProcessId}"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        app.MapGet("/cube", async (int number, ICluster cluster) => (await cluster.Worker!.RequestAsync<Cube, Answer>(new Cube(number))).Square);
        app.MapMethods("/chaos/{id}", ["GET", "POST"], async (string id, HttpContext context) =>
        {
            Begin(id);
            var buffer = new byte[16 * 1024];
            long length = 0, sum = 0;
            while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
            {
                length += read;
                foreach (var value in buffer.AsSpan(0, read))
                    sum += value;
            }
            await Task.Delay(Random.Shared.Next(5));
            return string.Create(CultureInfo.InvariantCulture, $"{id} {length} {sum}");
        });
    }

    /// <summary>Writes nothing: the log may take nothing just then.</summary>
    private sealed class Cubes : IRequestHandler<Cube, Answer>
    {
        public ValueTask<Answer> HandleAsync(Cube request, MessageContext context) =>
            ValueTask.FromResult(new Answer((long)request.Number * request.Number * request.Number));
    }

    private static void Begin(string id)
    {
        lock (Gate)
            _executed!.Write(Encoding.ASCII.GetBytes($"{id}\n"));
    }
}
