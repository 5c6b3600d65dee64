// Measures what workers cost the primary: forks so many that listen on one port and do nothing else, has each of them answer a few connections, collects,
// and says what the primary holds. Arguments: numbers of workers, rising. For each it prints "WORKERS RESIDENT ANONYMOUS MANAGED THREADS": KiB of
// resident memory, of that the KiB that no file backs, KiB of the managed heap, and the number of threads.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime;
using ProcessCluster;

const int ConnectionsPerWorker = 4;
var patience = TimeSpan.FromMinutes(2);

if (Cluster.IsWorker)
{
    await using var listener = await Cluster.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0));
    while (await listener.AcceptAsync() is { } accepted)
        accepted.Dispose();
    return;
}

// So many start at once that some are slow.
Cluster.Configure(new ClusterOptions { BootTimeout = patience });
using var listening = new SemaphoreSlim(0);
var port = new IPEndPoint(IPAddress.Loopback, 0);
Cluster.Listening += (_, e) =>
{
    port = (IPEndPoint)e.EndPoint;
    listening.Release();
};
var forked = 0;
foreach (var workers in args.Select(arg => int.Parse(arg, CultureInfo.InvariantCulture)))
{
    for (; forked < workers; forked++)
    {
        Cluster.Fork();
        if (!await listening.WaitAsync(patience))
            throw new TimeoutException("A worker did not listen in time.");
    }
    for (var i = 0; i < workers * ConnectionsPerWorker; i++)
        await AskAsync();
    Report(workers);
}
await Cluster.DisconnectAsync();

async Task AskAsync()
{
    using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
    using var deadline = new CancellationTokenSource(patience);
    await client.ConnectAsync(port, deadline.Token);
    await client.ReceiveAsync(new byte[1], deadline.Token); // Until the worker has closed it.
}

static void Report(int workers)
{
    GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    GC.WaitForPendingFinalizers();
    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    var status = File.ReadLines("/proc/self/status").Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1].Trim());
    Console.WriteLine(string.Join(
        ' ',
        workers,
        Kibibytes(status["VmRSS"]),
        Kibibytes(status["RssAnon"]),
        GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes / 1024,
        status["Threads"]));
}

static string Kibibytes(string value) => value.Split(' ')[0];
