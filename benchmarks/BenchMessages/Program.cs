// Measures links between two processes: a request and its answer, messages one way, large messages; through a cluster, or ("raw") through two
// blocking pipes with nothing around them. Reads a command a line from standard input and answers with a figure, so that whoever runs several
// of these can measure in turn. Commands: "rtt COUNT" (median microseconds), "oneway COUNT" (messages/s), "bulk COUNT" (bytes/s), "alloc COUNT"
// (bytes allocated in the sender for each message).
using System.Diagnostics;
using System.Globalization;
using BenchMessages;
using ProcessCluster;

if (args is ["raw-child", var toChild, var toParent])
    return RawPipes.Serve(toChild, toParent);
if (Cluster.IsWorker)
    return await Peer.ServeAsync();

ILinkBenchmark benchmark = args is ["raw"] ? new RawPipes() : await ClusterLink.StartAsync();
Console.WriteLine("ready");
while (Console.ReadLine() is { Length: > 0 } line)
{
    var count = int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    var figure = line.Split(' ')[0] switch
    {
        "rtt" => await benchmark.RoundTripAsync(count),
        "oneway" => await benchmark.OneWayAsync(count),
        "bulk" => await benchmark.BulkAsync(count),
        "alloc" => await benchmark.AllocatedAsync(count),
        _ => throw new ArgumentException($"There is no '{line}'."),
    };
    Console.WriteLine(figure.ToString(CultureInfo.InvariantCulture));
}
await benchmark.DisposeAsync();
return 0;
