using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using ProcessCluster;

// A chat over WebSockets whose rooms are in the memory of one worker each: the cookie "room" says which, so that all who are in a room have
// the same worker, and it needs no other process to tell them what is said.
var builder = WebApplication.CreateSlimBuilder(args);
builder.UseProcessCluster(options =>
{
    options.Workers = 3;
    options.Dispatch = DispatchPolicy.Cookie;
    options.StickyName = "room";
});
builder.Logging.AddSimpleConsole(options => options.SingleLine = true);

var app = builder.Build();
app.UseWebSockets();

app.MapGet("/", (string? room, HttpContext context) =>
{
    context.Response.Cookies.Append("room", Room.NameOf(room));
    context.Response.Headers.Connection = "close"; // The next connection has the cookie, and goes to the room's worker.
    return Results.Content(Page.Html, "text/html; charset=utf-8");
});
app.MapGet("/who", (HttpContext context) => $"Room {Room.NameOf(context.Request.Cookies["room"])} is with worker {Environment.ProcessId}\n");
app.Map("/chat", async (HttpContext context) =>
{
    using var socket = await context.WebSockets.AcceptWebSocketAsync();
    await Room.Of(context.Request.Cookies["room"]).StayAsync(socket, Cluster.Worker?.Stopping ?? default);
});
app.Run("http://localhost:3000");

/// <summary>Who is there, in this process.</summary>
internal sealed class Room
{
    private static readonly ConcurrentDictionary<string, Room> Rooms = new();

    private readonly ConcurrentDictionary<WebSocket, SemaphoreSlim> _members = new();

    public static string NameOf(string? name) => string.IsNullOrEmpty(name) ? "lobby" : name;

    public static Room Of(string? name) => Rooms.GetOrAdd(NameOf(name), static _ => new Room());

    /// <summary>Passes on what comes until the member leaves, or the worker shall.</summary>
    public async Task StayAsync(WebSocket member, CancellationToken stopping)
    {
        _members[member] = new SemaphoreSlim(1);
        try
        {
            await SayAsync($"Somebody came. {_members.Count} are here, with worker {Environment.ProcessId}.");
            var buffer = new byte[4096];
            while (await member.ReceiveAsync(buffer, stopping) is { MessageType: WebSocketMessageType.Text } received)
                await SayAsync(Encoding.UTF8.GetString(buffer, 0, received.Count));
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // It was cut, or the worker leaves: the browser connects again, to the worker that follows.
        }
        finally
        {
            _members.TryRemove(member, out _);
            await SayAsync($"Somebody left. {_members.Count} are here.");
        }
    }

    private Task SayAsync(string text) => Task.WhenAll(_members.Select(async entry =>
    {
        var (member, turn) = entry;
        await turn.WaitAsync();
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            await member.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever does not listen any more is told nothing; its own loop ends.
        }
        finally
        {
            turn.Release();
        }
    }));
}

internal static class Page
{
    public const string Html =
        """
        <!doctype html>
        <title>Chat</title>
        <h1>Room <span id="room"></span></h1>
        <form id="form"><input id="text" autofocus autocomplete="off"><button>Say</button></form>
        <pre id="said"></pre>
        <script>
          room.textContent = document.cookie.replace(/.*room=([^;]*).*/, "$1");
          let socket;
          function connect() {
            socket = new WebSocket("ws://" + location.host + "/chat");
            socket.onmessage = e => said.textContent += e.data + "\n";
            socket.onclose = () => setTimeout(connect, 500);
          }
          connect();
          form.onsubmit = e => { e.preventDefault(); socket.send(text.value); text.value = ""; };
        </script>
        """;
}
