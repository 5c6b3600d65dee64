// The server that is measured: plain Kestrel, or the same as a cluster. Arguments: plain|cluster, then the port, then the number of workers.
using System.Globalization;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
if (args[0] == "cluster")
    builder.UseProcessCluster(options => options.Workers = int.Parse(args[2], CultureInfo.InvariantCulture));

var app = builder.Build();
app.MapGet("/", static () => "Hello, World!").Idempotent(); // For ConnectionSurvival:ReplayIdempotent, which is off unless it is set.
app.Run($"http://127.0.0.1:{args[1]}");
