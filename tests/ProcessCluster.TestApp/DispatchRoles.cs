using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>Workers whose connections tell how they were chosen.</summary>
internal static class DispatchRoles
{
    private static int _open;

    public static Task<int>? RunAsync(string role) => role switch
    {
        "keep" => KeepAsync(),
        "move" => MoveAsync(),
        "outlive" => SurvivalRoles.OutliveAsync(),
        "slow" => SlowAsync(),
        "busy" => BusyAsync(),
        "picky" => PickyAsync(),
        "finish" => FinishAsync(),
        _ => null,
    };

    /// <summary>Says who serves and from where the client comes, at once, and keeps the connection until the client closes it.</summary>
    private static async Task<int> KeepAsync()
    {
        var listener = await Roles.ListenAsync();
        while (await listener.AcceptConnectionAsync() is { } connection)
            _ = ServeAsync(connection);
        return 0;

        static async Task ServeAsync(ClusterConnection connection)
        {
            using (connection)
            {
                var buffer = new byte[4096];
                var hello = $"{Environment.ProcessId} {connection.RemoteEndPoint}\n";
                connection.TrySend(new System.Buffers.ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(hello)), out _);
                while (await connection.WaitToReceiveAsync())
                {
                    while (connection.TryReceive(buffer, out var received))
                    {
                        if (received == 0)
                            return;
                        connection.TrySend(new System.Buffers.ReadOnlySequence<byte>(buffer, 0, received), out _); // An echo.
                    }
                }
            }
        }
    }

    /// <summary>Answers each line with its id and the line; when the worker leaves, connections between two lines go to others.</summary>
    private static async Task<int> MoveAsync()
    {
        var listener = await Roles.ListenAsync();
        var serving = new List<Task>();
        while (await listener.AcceptConnectionAsync() is { } connection)
            serving.Add(ServeAsync(connection, Cluster.Worker!.Stopping));
        await Task.WhenAll(serving);
        return 0;

        static async Task ServeAsync(ClusterConnection connection, CancellationToken stopping)
        {
            using var wake = stopping.Register(connection.Wake);
            using (connection)
            {
                var line = new byte[4096];
                var length = 0;
                while (await connection.WaitToReceiveAsync())
                {
                    while (connection.TryReceive(line.AsSpan(length), out var received))
                    {
                        if (received == 0)
                            return;
                        length += received;
                        if (line[length - 1] != '\n')
                            continue;
                        var answer = $"{Environment.ProcessId} {Encoding.ASCII.GetString(line, 0, length)}";
                        connection.TrySend(new System.Buffers.ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(answer)), out _);
                        length = 0;
                    }
                    if (length > 0)
                        continue;
                    for (var tries = 0; stopping.IsCancellationRequested && connection.CanMove && tries < 1000; tries++)
                    {
                        if (connection.TryMove())
                            return;
                        await Task.Delay(5, CancellationToken.None);
                    }
                }
            }
        }
    }

    /// <summary>Answers with its id after the time in MS, which it spends blocked, one connection after another.</summary>
    private static async Task<int> SlowAsync()
    {
        var time = int.Parse(Environment.GetEnvironmentVariable("MS")!, CultureInfo.InvariantCulture);
        var listener = await Roles.ListenAsync();
        while (await listener.AcceptAsync() is { } socket)
        {
            using (socket)
            {
                Thread.Sleep(time);
                socket.Send(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            }
        }
        return 0;
    }

    /// <summary>A line that is sent on a connection begins or ends a request; the answer is its id.</summary>
    private static async Task<int> BusyAsync()
    {
        var listener = await Roles.ListenAsync();
        while (await listener.AcceptConnectionAsync() is { } connection)
            _ = ServeAsync(connection);
        return 0;

        static async Task ServeAsync(ClusterConnection connection)
        {
            using (connection)
            {
                RequestScope? request = null;
                var buffer = new byte[1];
                while (await connection.WaitToReceiveAsync())
                {
                    while (connection.TryReceive(buffer, out var received))
                    {
                        if (received == 0)
                        {
                            request?.Dispose();
                            return;
                        }
                        connection.TrackRequests();
                        if (buffer[0] == (byte)'b')
                            request = Cluster.Worker!.TrackRequest();
                        else if (buffer[0] == (byte)'e')
                            request?.Dispose();
                        if (buffer[0] == (byte)'e')
                            request = null;
                        connection.TrySend(new System.Buffers.ReadOnlySequence<byte>(Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n")), out _);
                    }
                }
            }
        }
    }

    /// <summary>As the echo, and finishes what it has taken before it ends.</summary>
    private static async Task<int> FinishAsync()
    {
        var listener = await Roles.ListenAsync();
        var answer = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        var underWay = new List<Task>();
        while (await listener.AcceptAsync() is { } socket)
        {
            underWay.RemoveAll(static task => task.IsCompleted);
            underWay.Add(AnswerAsync(socket));
        }
        await Task.WhenAll(underWay);
        return 0;

        async Task AnswerAsync(Socket socket)
        {
            using (socket)
            {
                if (await socket.ReceiveAsync(new byte[1]) > 0)
                    await socket.SendAsync(answer);
            }
        }
    }

    /// <summary>As keep, but wants no more connections at once than MAX says.</summary>
    private static async Task<int> PickyAsync()
    {
        var most = int.Parse(Environment.GetEnvironmentVariable("MAX")!, CultureInfo.InvariantCulture);
        var listener = await Cluster.ListenAsync(
            IPEndPoint.Parse("127.0.0.1:0"), new ClusterListenOptions { CanAccept = () => Volatile.Read(ref _open) < most });
        while (await listener.AcceptAsync() is { } socket)
        {
            Interlocked.Increment(ref _open);
            _ = ServeAsync(socket);
        }
        return 0;

        static async Task ServeAsync(Socket socket)
        {
            using (socket)
            {
                await socket.SendAsync(Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"));
                try
                {
                    await socket.ReceiveAsync(new byte[1]);
                }
                catch (SocketException)
                {
                    // Reset: it has ended as well.
                }
            }
            Interlocked.Decrement(ref _open);
        }
    }
}
