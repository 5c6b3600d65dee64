using System.Globalization;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>What is asked of workers while they leave.</summary>
internal static class WebDrain
{
    public static void Map(IEndpointRouteBuilder app)
    {
        // For strict clients: who answers, how much came, and what.
        app.MapMethods("/strict", ["GET", "POST"], async (HttpContext context) =>
        {
            var buffer = new byte[16 * 1024];
            long length = 0, sum = 0;
            while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
            {
                length += read;
                foreach (var value in buffer.AsSpan(0, read))
                    sum += value;
            }
            if (context.Request.Query["slow"] is [{ } milliseconds])
                await Task.Delay(int.Parse(milliseconds, CultureInfo.InvariantCulture));
            return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId} {length} {sum}");
        });

        // Answers at once and reads nothing.
        app.MapPost("/ignore", () => Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

        // Bytes that depend on their place, evenly over a time; the first 16 are the process id.
        app.MapGet("/stream", async (int bytes, int ms, HttpContext context, ICluster cluster) =>
        {
            using var leaving = cluster.Worker?.Stopping.Register(() => Console.WriteLine($"leaving {Environment.ProcessId}"));
            const int steps = 50;
            context.Response.ContentLength = bytes;
            var all = new byte[bytes];
            for (var i = 0; i < bytes; i++)
                all[i] = (byte)((i * 31L) % 251);
            Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture).PadRight(16), all);
            for (var i = 0; i < steps; i++)
            {
                var start = (int)((long)bytes * i / steps);
                await context.Response.Body.WriteAsync(all.AsMemory(start, (int)((long)bytes * (i + 1) / steps) - start));
                await context.Response.Body.FlushAsync();
                if (i == 0)
                    Console.WriteLine($"streaming {Environment.ProcessId}"); // The header is out.
                if (i < steps - 1)
                    await Task.Delay(ms / steps);
            }
        });

        // Events for as long as both sides stay.
        app.MapGet("/events", async (HttpContext context, ICluster cluster) =>
        {
            using var leaving = cluster.Worker?.Stopping.Register(() => Console.WriteLine($"leaving {Environment.ProcessId}"));
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync($"data: {Environment.ProcessId}\n\n");
            await context.Response.Body.FlushAsync();
            Console.WriteLine($"streaming {Environment.ProcessId}");
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });

        // Sends back what comes, until the end.
        app.MapGet("/ws", async (HttpContext context) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[1024];
            while (!context.RequestAborted.IsCancellationRequested)
            {
                var received = await socket.ReceiveAsync(buffer, context.RequestAborted);
                if (received.CloseStatus is not null)
                    return;
                await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, context.RequestAborted);
            }
        });
    }
}
