using System.Globalization;
using System.Text;
using ProcessCluster.TestApp;

// The program that the specs start. The first argument says what it is: a primary that takes commands from its standard input, or a web
// application. A role in the environment says what a worker does; some of them must not touch the library too early.
if (Environment.GetEnvironmentVariable("OTHER_SYSTEM") is not null)
    OtherSystem.Pretend();
// A line is one write, whatever its length: other processes write to the same pipe.
Console.SetOut(TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false), bufferSize: 64 * 1024) { AutoFlush = true }));
if (Environment.GetEnvironmentVariable("SUBREAPER") is not null)
    Subreaper.Become();
if (Environment.GetEnvironmentVariable("THREADS") is { } threads)
    PoolThreads.StartAll(int.Parse(threads, CultureInfo.InvariantCulture));
switch (Environment.GetEnvironmentVariable("ROLE"), args)
{
    case ("boot-slowly", _):
        // A worker that is long in coming: it knows nothing of the cluster yet.
        Console.WriteLine($"booting {Environment.ProcessId}");
        new ManualResetEvent(false).WaitOne(TimeSpan.FromSeconds(20));
        return 0;
    case ("raw", _):
        return RawWorker.Run();
    case ("hostile-flood", _):
        return HostileRoles.Flood();
    case ({ } role, _):
        return await Roles.RunAsync(role, args);
    case (null, ["driver", ..]):
        return await Driver.RunAsync();
    case (null, ["init", ..]):
        return Subreaper.RunInit(args[1..]);
    case (null, ["activate", ..]):
        return Activation.Run(args[1..]);
    case (null, ["alone", ..]):
        return await Roles.RunAsync("echo", args);
    case (null, [['a', 'l', 'o', 'n', 'e', '-', .. var role], ..]):
        return await Roles.RunAsync(role, args);
    case (null, ["other-system"]):
        return await OtherSystem.RunAsync();
    case (null, ["web", ..]):
        return WebApp.Run(args[1..]);
    default:
        Console.Error.WriteLine($"Nothing is known as '{string.Join(' ', args)}'.");
        return 64;
}
