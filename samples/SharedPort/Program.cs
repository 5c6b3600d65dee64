using System.Net;
using System.Net.Sockets;
using System.Text;
using ProcessCluster;

// A TCP server of several processes on one port: each line comes back with the number of the worker that has the connection.
if (Cluster.IsPrimary)
{
    Cluster.Configure(new ClusterOptions { Workers = 3, Dispatch = DispatchPolicy.LeastConnections });
    Cluster.Exited += (_, e) => Console.WriteLine($"{e.Worker} {e.Exit}");
    await Cluster.StartAsync();
    Console.WriteLine("Three workers share port 3000.");
    await Cluster.WaitForShutdownAsync();
    return;
}

await using var listener = await Cluster.ListenAsync(new IPEndPoint(IPAddress.Loopback, 3000));
while (await listener.AcceptAsync() is { } socket) // null when the worker shall leave
    _ = EchoAsync(socket);

static async Task EchoAsync(Socket socket)
{
    try
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        using var reader = new StreamReader(stream);
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line == "crash")
                Environment.FailFast("As you wish.");
            await stream.WriteAsync(Encoding.UTF8.GetBytes($"worker {Cluster.Worker!.Id}: {line}\n"));
        }
    }
    catch (IOException)
    {
        // The client went away.
    }
}
