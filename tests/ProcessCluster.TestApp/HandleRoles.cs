using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>Workers that are given connections and messages.</summary>
internal static class HandleRoles
{
    /// <summary>Null when it is no such role.</summary>
    public static Task<int>? RunAsync(string role) => role == "hold-connections" ? HoldConnectionsAsync() : null;

    /// <summary>Greets each connection with this process's id and keeps it until the client ends it. Closes what it is told to.</summary>
    private static async Task<int> HoldConnectionsAsync()
    {
        var id = Cluster.Worker!.Id;
        var asked = Cluster.WaitForShutdownAsync();
        var open = new ConcurrentDictionary<Socket, bool>();
        ClusterListener? listener = null;
        using var messages = Cluster.OnMessage<Greeting>(async (greeting, _) =>
        {
            if (greeting.Text == "close-listener")
                await listener!.DisposeAsync();
            if (greeting.Text == "close-connections")
                open.Keys.ToList().ForEach(socket => socket.Shutdown(SocketShutdown.Both)); // It is closed where it is read.
            Say($"worker {id} got {greeting.Text} {greeting.Count}");
        });
        using var counts = Cluster.OnRequest<Ask, Answer>((_, _) => new Answer(open.Count));
        listener = await Cluster.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        Say($"worker {id} holds");
        while (await listener.AcceptAsync() is { } socket)
            _ = HoldAsync(socket);
        Say($"worker {id} accepts no more");
        await asked;
        return 0;

        async Task HoldAsync(Socket socket)
        {
            open[socket] = true;
            using (socket)
            {
                await socket.SendAsync(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
                while (await socket.ReceiveAsync(new byte[100]) > 0)
                    await socket.SendAsync("."u8.ToArray());
                open.TryRemove(socket, out _);
            }
            Say($"worker {id} closed one, has {open.Count}");
        }
    }

    private static void Say(string line) => Console.Out.WriteLine(line);
}
