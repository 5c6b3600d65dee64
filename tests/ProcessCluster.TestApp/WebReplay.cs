using System.Globalization;
using Microsoft.AspNetCore.Mvc;

namespace ProcessCluster.TestApp;

/// <summary>Requests whose worker ends over them.</summary>
internal static class WebReplay
{
    private static bool HasControllers => Environment.GetEnvironmentVariable("CONTROLLERS") is not null;

    public static void Add(IServiceCollection services)
    {
        if (HasControllers)
            services.AddControllers();
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        if (HasControllers)
            app.MapControllers();
        app.MapMethods("/replay/marked/{id}", ["GET", "POST"], Serve).Idempotent();
        app.MapMethods("/replay/unmarked/{id}", ["GET", "POST"], Serve);
        app.MapGet("/replay/attribute/{id}", [Idempotent] (HttpContext context, string id) => Serve(context, id));
        app.MapGet("/replay/quiet", async (int ms) =>
        {
            await Task.Delay(ms);
            return Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        }).Idempotent();
        app.MapGroup("/replay/group").Idempotent().MapGet("/{id}", Serve);
    }

    /// <summary>Says that it began, which is written through, then does what the first or every try of it shall; answers as /strict does.</summary>
    public static async Task Serve(HttpContext context, string id)
    {
        Console.WriteLine($"began {id} {Environment.ProcessId}");
        var length = 0L;
        var sum = 0L;
        var buffer = new byte[16 * 1024];
        while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
        {
            length += read;
            foreach (var value in buffer.AsSpan(0, read))
                sum += value;
        }
        var fate = context.Request.Query["fate"].ToString();
        var isFirst = fate == "hang-first" && IsFirst(id);
        Console.WriteLine($"serving {id} {Environment.ProcessId}");
        switch (fate)
        {
            case "crash":
                Environment.FailFast("on purpose");
                break;
            case "hang":
                await Task.Delay(TimeSpan.FromMinutes(2), context.RequestAborted);
                break;
            case "hang-first" when isFirst:
                await Task.Delay(TimeSpan.FromMinutes(2), context.RequestAborted);
                break;
            case "begin":
                await context.Response.WriteAsync("a part");
                await context.Response.Body.FlushAsync();
                await Task.Delay(TimeSpan.FromMinutes(2), context.RequestAborted);
                break;
        }
        await context.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId} {length} {sum}"));
    }

    /// <summary>No process has tried it.</summary>
    private static bool IsFirst(string id)
    {
        try
        {
            using var file = new FileStream(Path.Combine(Environment.GetEnvironmentVariable("TRIES")!, id), FileMode.CreateNew);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}

/// <summary>The same as a controller's actions.</summary>
[Route("replay")]
public sealed class ReplayController : ControllerBase
{
    [Idempotent]
    [HttpGet("action/{id}")]
    public Task Action(string id) => WebReplay.Serve(HttpContext, id);

    [HttpGet("other-action/{id}")]
    public Task OtherAction(string id) => WebReplay.Serve(HttpContext, id);
}
