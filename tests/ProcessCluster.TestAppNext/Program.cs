using ProcessCluster;
using ProcessCluster.TestAppNext;

// The next version of the test program, with the next version of two of its messages. As a worker it answers; as a primary it asks a
// worker that runs the program given as the argument.
if (Cluster.IsWorker)
{
    using var versions = Cluster.OnRequest<Versioned, VersionedAnswer>((v, _) => new VersionedAnswer($"{v.Kept} {v.Added}", 12));
    await Cluster.WaitForShutdownAsync();
    return;
}
Cluster.Configure(new ClusterOptions { Executable = args[0] });
var worker = Cluster.Fork(new Dictionary<string, string?> { ["ROLE"] = "messages" });
var answer = await worker.RequestAsync<Versioned, VersionedAnswer>(new Versioned("kept", "new"));
Console.WriteLine($"version: {answer.Seen} | {answer.Extra}");
await Cluster.DisconnectAsync();

namespace ProcessCluster.TestAppNext
{
    [ClusterMessage(Name = "Versioned")]
    public sealed record Versioned(string Kept, string Added = "as it was not sent");

    [ClusterMessage(Name = "VersionedAnswer")]
    public sealed record VersionedAnswer(string Seen, int Extra = 3);
}
