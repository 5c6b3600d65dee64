// A web application that does on request what goes wrong in real ones: it crashes, leaks and hangs. README.md says what happens then.
using ProcessCluster;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.UseProcessCluster(options =>
{
    options.Workers = 2;
    options.StandbyWorkers = 1;                           // booted and ready: takes a dead worker's place at once
    options.HeartbeatTimeout = TimeSpan.FromSeconds(5);   // no sign of life from the thread pool: hung
    options.Recycle.MaxMemory = 300_000_000;              // more resident bytes: replaced, without a failed request
    options.Recycle.MaxAge = TimeSpan.FromHours(24);
});

var app = builder.Build();
var leaked = new List<byte[]>();
var never = new ManualResetEventSlim();

app.MapGet("/", (ICluster cluster) => $"Handled by worker {Environment.ProcessId}, number {cluster.Worker?.Id} in slot {cluster.Worker?.Slot}");

// What no exception handler catches: the process ends at once.
app.MapGet("/crash", () => Environment.FailFast("The native library has corrupted the heap."));
app.MapGet("/overflow", () => Depth(1));

// Memory that is never given back.
app.MapGet("/leak", (int? megabytes) =>
{
    var more = new byte[(megabytes ?? 300) * 1_000_000];
    Array.Fill(more, (byte)1); // The system gives memory when it is written to.
    lock (leaked)
        leaked.Add(more);
    return $"Leaked by worker {Environment.ProcessId}";
});

// Code that blocks, until every thread of the pool waits, and those that the pool adds.
app.MapGet("/hang", () =>
{
    _ = HangAsync();
    return $"Soon hangs worker {Environment.ProcessId}";
});

app.Run("http://localhost:3000");

async Task HangAsync()
{
    await Task.Delay(200); // For the answer.
    for (var i = 0; i < 2000; i++)
        ThreadPool.UnsafeQueueUserWorkItem(never => never.Wait(), never, preferLocal: false);
    Console.WriteLine($"Worker {Environment.ProcessId} hangs");
}

static int Depth(int depth) => 1 + Depth(depth + 1) + 1;
