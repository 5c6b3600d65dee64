// Reloads and deaths of workers under load, as clients see them that never retry. Started by benchmarks/reload.sh.
// Arguments: "serve", the port, the directory for notes and the number of standby workers; or the number of reloads, the number of kills,
// the report, and, to measure PM2 too, its program, its version and the configuration of its application.
using System.Globalization;
using BenchReload;

if (args[0] == "serve")
{
    Server.Run(int.Parse(args[1], CultureInfo.InvariantCulture), args[2], int.Parse(args[3], CultureInfo.InvariantCulture));
    return;
}

var (reloads, kills) = (int.Parse(args[0], CultureInfo.InvariantCulture), int.Parse(args[1], CultureInfo.InvariantCulture));
var report = new Report(reloads, kills, args.Length > 4 ? args[4] : null);
await MeasureAsync("ProcessCluster", static standby => ClusterSubject.StartAsync(standby));
report.Healed("ProcessCluster, a standby worker", await Scenarios.KillAsync(() => ClusterSubject.StartAsync(1), kills));
report.Kept("ProcessCluster", await Scenarios.KeptAsync(() => ClusterSubject.StartAsync(0), reloads));
report.Kept("ProcessCluster, `MoveConnections=false`", await Scenarios.KeptAsync(() => ClusterSubject.StartAsync(0, moves: false), reloads));
report.Kept("Kestrel alone, ended and started again", await Scenarios.KeptAsync(KestrelSubject.StartAsync, reloads));
if (args.Length > 5)
{
    await MeasureAsync("PM2", _ => Pm2Subject.StartAsync(args[3], args[5]));
    await using var pm2 = (Pm2Subject)await Pm2Subject.StartAsync(args[3], args[5]);
    report.Pm2Command = await pm2.CommandTimeAsync();
}
await File.WriteAllTextAsync(args[2], report.ToString());
Console.WriteLine(report);

async Task MeasureAsync(string name, Func<int, Task<Subject>> start)
{
    foreach (var keepAlive in (bool[])[true, false])
        report.Reloaded(name, keepAlive, await Scenarios.ReloadAsync(() => start(0), reloads, keepAlive));
    report.Healed(name, await Scenarios.KillAsync(() => start(0), kills));
}
