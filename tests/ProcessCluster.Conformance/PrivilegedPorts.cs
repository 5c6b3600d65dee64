using System.Globalization;

namespace ProcessCluster.Conformance;

/// <summary>Ports that only some may bind.</summary>
public sealed class PrivilegedPorts
{
    [PrivilegedPortFact]
    public async Task cluster_bind_privileged_port__it_is_AccessDenied_in_the_worker_which_ends_in_order()
    {
        await using var cluster = await Puppets.Start(Unprivileged(), 1);
        await ExpectDenied(cluster);
    }

    [PrivilegedPortFact]
    public async Task cluster_shared_handle_bind_privileged_port__it_is_AccessDenied_in_the_worker_which_ends_in_order()
    {
        await using var cluster = await Puppets.StartShared(Unprivileged(), 1);
        await ExpectDenied(cluster);
    }

    private static async Task ExpectDenied(TestProcess cluster)
    {
        cluster.Tell(1, $"listen 127.0.0.1:{PrivilegedPortFactAttribute.Port}");
        await cluster.Expect("^worker 1 failed listen: SocketException AccessDenied: ");
        cluster.Tell(1, "leave");
        await cluster.ExpectLeft(1);
    }

    /// <summary>Who may do everything gives that up: what is not in the bounding set a program does not get (<c>man 7 capabilities</c>).</summary>
    private static TestProcess Unprivileged() => Environment.IsPrivilegedProcess
        ? TestProcess.StartFile("setpriv", $"--bounding-set=-net_bind_service {TestPaths.TestApp} driver")
        : TestProcess.Start("driver");

    /// <summary>Not run where the system lets everybody bind the port.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class PrivilegedPortFactAttribute : FactAttribute
    {
        public const int Port = 42;

        private const string First = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

        public PrivilegedPortFactAttribute()
        {
            if (int.Parse(File.ReadAllText(First), CultureInfo.InvariantCulture) <= Port)
                Skip = $"{First} lets everybody bind port {Port}.";
        }
    }
}
