using System.Net;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.TestApp;

/// <summary>A system that is not Linux: the library takes this one for it, and a call of the library to native code fails and is shown.</summary>
internal static class OtherSystem
{
    public static void Pretend()
    {
        OperatingSystemSupport.IsSupported = false;
        NativeLibrary.SetDllImportResolver(typeof(OperatingSystemSupport).Assembly, static (name, _, _) =>
        {
            Console.WriteLine($"native call of {name}");
            throw new DllNotFoundException($"{name} is not there");
        });
    }

    /// <summary>Asks a console program's questions, and tries what needs a cluster.</summary>
    public static async Task<int> RunAsync()
    {
        Console.WriteLine($"supported={Cluster.IsSupported} primary={Cluster.IsPrimary} worker={Cluster.IsWorker} self={Cluster.Worker?.Id} "
            + $"workers={Cluster.Workers.Count} history={Cluster.History.Count} given-up={Cluster.GivenUp.IsCancellationRequested}");
        Cluster.Exited += static (_, _) => { };
        Cluster.Configure(new ClusterOptions { Workers = 3 });
        await using (await Cluster.AcquireLockAsync("a lock of this process"))
            Console.WriteLine("locked");
        await TryAsync("Fork", static () =>
        {
            Cluster.Fork();
            return Task.CompletedTask;
        });
        await TryAsync("StartAsync", static () => Cluster.StartAsync());
        await TryAsync("ListenAsync", static () => Cluster.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)));
        await TryAsync("BindUdpAsync", static () => Cluster.BindUdpAsync(new IPEndPoint(IPAddress.Loopback, 0)));
        await Cluster.DisconnectAsync();
        Console.WriteLine("end");
        return 0;
    }

    private static async Task TryAsync(string what, Func<Task> attempt)
    {
        try
        {
            await attempt();
            Console.WriteLine($"{what}: done");
        }
        catch (PlatformNotSupportedException exception)
        {
            Console.WriteLine($"{what}: {exception.Message}");
        }
    }
}
