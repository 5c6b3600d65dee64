using System.Globalization;
using System.Reflection;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary;

namespace ProcessCluster.TestApp;

/// <summary>What the driver does to the steps of a worker's start.</summary>
internal static class FaultDriver
{
    private static int _left;

    /// <summary>Whether the command is one of these.</summary>
    public static bool Execute(string[] command)
    {
        switch (command)
        {
            case ["fault", var step, var exception, var times]:
                Volatile.Write(ref _left, int.Parse(times, CultureInfo.InvariantCulture));
                At(Enum.Parse<StartStep>(step), () =>
                {
                    if (Interlocked.Decrement(ref _left) >= 0)
                        throw Create(exception);
                });
                return true;
            case ["stall", var step, var file]:
                At(Enum.Parse<StartStep>(step), () =>
                {
                    Driver.Say($"stalls at {step}");
                    Await(file);
                });
                return true;
            case ["no-faults"]:
                ((PrimaryCluster)Cluster.Current).Reached = null;
                Driver.Say("no faults any more");
                return true;
            default:
                return false;
        }
    }

    private static void At(StartStep step, Action action)
    {
        ((PrimaryCluster)Cluster.Current).Reached = reached =>
        {
            if (reached == step)
                action();
        };
        Driver.Say($"from now on at {step}");
    }

    /// <summary>Holds up the cluster's loop until the file is there.</summary>
    private static void Await(string file)
    {
        var never = new ManualResetEvent(false);
        for (var deadline = Environment.TickCount64 + 60_000; !File.Exists(file) && Environment.TickCount64 < deadline;)
            never.WaitOne(1);
    }

    private static Exception Create(string name) =>
        (Exception)Activator.CreateInstance(
            new[] { typeof(object), typeof(ClusterException), typeof(System.Net.Sockets.Socket) }
                .Select(type => type.Assembly.GetTypes().SingleOrDefault(found => found.IsPublic && found.Name == name)).First(type => type is not null)!,
            BindingFlags.Public | BindingFlags.Instance,
            null,
            ["on purpose"],
            null)!;
}
