using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.TestApp;

/// <summary>What workers listen on, and what they say of it.</summary>
internal static class ListenRoles
{
    /// <summary>Null when it is no such role.</summary>
    public static Task<int>? RunAsync(string role) => role switch
    {
        "listen-and-catch" => CatchAsync(),
        "say-options" => SayOptionsAsync(),
        "systemd-environment" => SaySystemdAsync(),
        _ => null,
    };

    /// <summary>On the end point in LISTEN, with the options in OPTIONS.</summary>
    public static Task<ClusterListener> ListenAsync() => Cluster.ListenAsync(
        EndPointOf(Environment.GetEnvironmentVariable("LISTEN") ?? "127.0.0.1:0"), OptionsOf(Environment.GetEnvironmentVariable("OPTIONS")));

    private static EndPoint EndPointOf(string where) => where.Split(':') switch
    {
        ["descriptor", var number] => new InheritedEndPoint(Number(number)),
        ["systemd", var name] => new InheritedEndPoint(name),
        ["dns", var name] => new DnsEndPoint(name, 80),
        _ when where.StartsWith('/') || where.EndsWith(".sock", StringComparison.Ordinal) =>
            new UnixDomainSocketEndPoint(where.Replace("abstract:", "\0", StringComparison.Ordinal)),
        _ => IPEndPoint.Parse(where),
    };

    private static ClusterListenOptions? OptionsOf(string? text)
    {
        if (text is null)
            return null;
        var options = new ClusterListenOptions();
        Set(options, text);
        return options;
    }

    /// <param name="options">Which.</param>
    /// <param name="text">As <c>KeepAlive=00:01:00;UnixFileMode=432</c>: names and values.</param>
    public static void Set(ClusterListenOptions options, string text)
    {
        foreach (var pair in text.Split(';'))
        {
            var (name, value) = (pair.Split('=')[0], pair.Split('=')[1]);
            var property = typeof(ClusterListenOptions).GetProperty(name) ?? throw new ArgumentException($"Nothing is known as '{name}'.");
            property.SetValue(options, name == nameof(ClusterListenOptions.UnixFileMode)
                ? (UnixFileMode)Number(value)
                : TypeDescriptor.GetConverter(property.PropertyType).ConvertFromInvariantString(value));
        }
    }

    /// <summary>Asks once; says what it got.</summary>
    private static async Task<int> CatchAsync()
    {
        try
        {
            var listener = await ListenAsync();
            Say("listening after all");
            await listener.DisposeAsync();
        }
        catch (SocketException exception)
        {
            Say($"caught {exception.SocketErrorCode}: {exception.Message}");
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            Say($"caught {exception.GetType().Name}: {exception.Message}");
        }
        return 0;
    }

    /// <summary>What each accepted connection has, as .NET reads it.</summary>
    private static async Task<int> SayOptionsAsync()
    {
        var listener = await ListenAsync();
        while (await listener.AcceptAsync() is { } socket)
        {
            using (socket)
            {
                Say($"keep-alive {socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)} "
                    + $"after {socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)} no-delay {socket.NoDelay}");
            }
        }
        return 0;
    }

    private static async Task<int> SaySystemdAsync()
    {
        _ = Cluster.IsWorker;
        foreach (var name in (string[])["LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"])
            Say($"{name} is {Environment.GetEnvironmentVariable(name) ?? "not set"}");
        foreach (var descriptor in Directory.GetFiles("/proc/self/fd").Where(path => Number(Path.GetFileName(path)) is > 5 and < 100))
            Say($"open {descriptor} {new FileInfo(descriptor).LinkTarget}");
        Say("said all");
        await Cluster.WaitForShutdownAsync();
        return 0;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Say(string line) => Console.Out.WriteLine(line);
}
