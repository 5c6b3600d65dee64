using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ProcessCluster.TestApp;

/// <summary>Starts this program anew, in the same process, with sockets from descriptor 3 on: as systemd does.</summary>
internal static partial class Activation
{
    private const int First = 3;
    private const int OutOfTheWay = 200; // The runtime's own descriptors have lower numbers.
    private const int F_DUPFD_CLOEXEC = 1030;

    /// <param name="arguments">The sockets as <c>kind:name</c>, <c>--</c>, and the program's arguments.</param>
    public static int Run(string[] arguments)
    {
        var separator = Array.IndexOf(arguments, "--");
        var sockets = arguments[..separator].Select(argument => argument.Split(':')).ToList();
        List<Socket> kept = [];
        for (var i = 0; i < sockets.Count; i++)
        {
            var socket = Create(sockets[i][0], kept);
            Console.WriteLine($"activated {First + i} {socket?.LocalEndPoint}");
            Check(fcntl((int)(socket?.Handle ?? 0), F_DUPFD_CLOEXEC, OutOfTheWay + i) == OutOfTheWay + i);
        }
        Console.Out.Flush();
        Check(setenv("LISTEN_PID", Text(Environment.ProcessId), 1) == 0);
        Check(setenv("LISTEN_FDS", Text(sockets.Count), 1) == 0);
        Check(setenv("LISTEN_FDNAMES", string.Join(':', sockets.Select(socket => socket[1])), 1) == 0);
        for (var i = 0; i < sockets.Count; i++)
            Check(dup2(OutOfTheWay + i, First + i) >= 0); // Not closed on exec, as from systemd.
        Check(execv(Environment.ProcessPath!, [Environment.ProcessPath!, .. arguments[(separator + 1)..], null]) == 0);
        return 1;
    }

    /// <summary>Null stands for standard input.</summary>
    private static Socket? Create(string kind, List<Socket> kept)
    {
        var socket = kind switch
        {
            "input" => null,
            "udp" => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp),
            "unix" => new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
            _ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp),
        };
        if (socket is null)
            return null;
        kept.Add(socket);
        if (kind == "unix")
            socket.Bind(new UnixDomainSocketEndPoint(Environment.GetEnvironmentVariable("ACTIVATE_PATH")!));
        else if (kind is not "unbound" and not "connected")
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        if (kind is "tcp" or "unix")
            socket.Listen();
        if (kind == "connected")
        {
            var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            kept.Add(other);
            other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            other.Listen();
            socket.Connect(other.LocalEndPoint!);
            Check(fcntl((int)other.Handle, 2, 0) == 0); // It stays open, so that the connection does.
        }
        return socket;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static void Check(bool succeeded)
    {
        if (!succeeded)
            throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup2(int descriptor, int target);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int execv(string path, string?[] arguments);
}
