using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace ProcessCluster.TestApp;

/// <summary>Workers that do what a corrupted one could do, past the library.</summary>
internal static partial class HostileRoles
{
    private const int Handoff = 5;
    private const int NoOffer = -1, RoomAvailable = 2, Look = 3, Returned = 4;
    private const int O_NONBLOCK = 0x800, F_GETFL = 3, F_SETFL = 4, SOL_SOCKET = 1, SO_LINGER = 13, MSG_NOSIGNAL = 0x4000;

    /// <summary>Null when there is no such role.</summary>
    public static Task<int>? RunAsync(string role) => role switch
    {
        "hostile-handoff" => HandoffAsync(),
        "hostile-connection" => ConnectionAsync(),
        "hostile-ports" => PortsAsync(),
        "hostile-control" => ControlAsync(),
        _ => null,
    };

    /// <summary>A worker without the library: says hello, floods itself with what KIND says, reads nothing, and forges credit if it is to.</summary>
    public static int Flood()
    {
        var id = int.Parse(Environment.GetEnvironmentVariable("PROCESSCLUSTER_WORKER")!.Split(' ')[0], CultureInfo.InvariantCulture);
        var kind = Environment.GetEnvironmentVariable("KIND")!;
        _ = fcntl(3, F_SETFL, 0); // What the library does at its start: else what the primary writes would end this worker.
        RawWorker.Write([9, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0]);
        var isRequest = kind.Contains("request", StringComparison.Ordinal);
        var isLarge = kind.Contains("large", StringComparison.Ordinal);
        var frame = Frame((byte)(isRequest ? 33 : 32), id, id, isRequest ? 1u : 0u, isLarge ? 16 * 1024 : 1);
        var credit = Frame(37, 0, id, (uint)frame.Length, 0);
        for (var sent = 0L; sent < (isLarge ? 800 : 17) * 1024L * 1024; sent += frame.Length)
        {
            if (isRequest)
                BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(16), (uint)(sent / frame.Length) + 1);
            RawWorker.Write(frame);
            if (kind.Contains("credit", StringComparison.Ordinal))
                RawWorker.Write(credit);
        }
        Console.WriteLine("flooded");
        Thread.Sleep(TimeSpan.FromSeconds(20));
        return 0;
    }

    private static byte[] Frame(byte kind, int target, int source, uint number, int body)
    {
        var name = kind == 37 ? "" : "x";
        var frame = new byte[20 + name.Length + body];
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length - 4);
        (frame[4], frame[5]) = (kind, (byte)name.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(8), target);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(12), source);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(16), number);
        Encoding.ASCII.GetBytes(name, frame.AsSpan(20));
        return frame;
    }

    /// <summary>Listens, and sends what KIND says over the hand-off socket when a client connects.</summary>
    private static async Task<int> HandoffAsync()
    {
        var listener = await Cluster.ListenAsync(IPEndPoint.Parse("127.0.0.1:0"));
        var kept = new List<Socket>();
        while (await listener.AcceptAsync() is { } socket)
        {
            kept.Add(socket);
            using var file = File.OpenHandle("/dev/null");
            var number = (int)file.DangerousGetHandle();
            for (var i = 0; i < 3000; i++)
            {
                switch (Environment.GetEnvironmentVariable("KIND"))
                {
                    case "two-descriptors":
                        Send(GivenBack(), number, number);
                        break;
                    case "long-message":
                        Send(new byte[200], number);
                        break;
                    case "no-socket":
                        Send(GivenBack(), number);
                        break;
                    case "listening-socket":
                        using (var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
                        {
                            other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                            other.Listen();
                            Send(GivenBack(), (int)other.Handle);
                        }
                        break;
                    case "datagram-socket":
                        using (var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
                            Send(GivenBack(), (int)other.Handle);
                        break;
                    case "too-many":
                        using (var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
                        {
                            await client.ConnectAsync(listener.EndPoint);
                            Send(GivenBack(), (int)client.Handle);
                        }
                        break;
                    case "descriptor-with-an-answer":
                        Send(Said(Look), number);
                        break;
                    case "looks":
                        for (var k = 0; k < 100; k++)
                            Send(Said(Look));
                        break;
                    case "rooms":
                        for (var k = 0; k < 100; k++)
                            Send(Said(RoomAvailable));
                        break;
                }
            }
        }
        return 0;

        static byte[] GivenBack()
        {
            byte[] message = [.. Said(Returned), 1, 0, 0, 0];
            return message;
        }

        static byte[] Said(int what)
        {
            var message = new byte[8];
            BinaryPrimitives.WriteInt32LittleEndian(message, NoOffer);
            BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), what);
            return message;
        }
    }

    /// <summary>
    /// Takes a connection that outlives it, sets on it what KIND says, and ends without a word when a line comes; or gives it back.
    /// </summary>
    private static async Task<int> ConnectionAsync()
    {
        var kind = Environment.GetEnvironmentVariable("KIND");
        var options = new ClusterListenOptions { ReportsState = true, CrashAnswer = Encoding.ASCII.GetBytes("0 gone\n") };
        var listener = await Cluster.ListenAsync(IPEndPoint.Parse("127.0.0.1:0"), options);
        while (await listener.AcceptConnectionAsync() is { } connection)
        {
            var socket = (int)connection.Socket.Handle;
            await connection.WaitToReceiveAsync();
            connection.Report(ClusterConnectionState.Busy);
            connection.TryReceive(new byte[100], out _);
            switch (kind)
            {
                case "blocking" or "blocking-returned":
                    _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL, 0) & ~O_NONBLOCK);
                    break;
                case "lingering":
                    Linger(socket);
                    connection.Report(ClusterConnectionState.Responding);
                    while (connection.TrySend(new System.Buffers.ReadOnlySequence<byte>(new byte[64 * 1024]), out _))
                    {
                        // Until the kernel takes no more: the client does not read.
                    }
                    break;
            }
            if (kind != "blocking-returned")
                _ = kill(Environment.ProcessId, 9);
            connection.Report(ClusterConnectionState.Idle);
            Roles.Say(connection.TryMove() ? "returned" : "kept");
        }
        return 0;
    }

    /// <summary>Asks for end points for as long as it gets any, and then for many more.</summary>
    private static async Task<int> PortsAsync()
    {
        var listeners = new List<ClusterListener>();
        for (var i = 0; i < 6000; i++)
        {
            try
            {
                listeners.Add(await Cluster.ListenAsync(IPEndPoint.Parse("127.0.0.1:0")));
            }
            catch (SocketException exception)
            {
                if (exception.SocketErrorCode == SocketError.TooManyOpenSockets && i == listeners.Count)
                    Roles.Say($"refused after {listeners.Count}: {exception.Message}");
            }
        }
        await Cluster.WaitForShutdownAsync();
        return 0;
    }

    /// <summary>Says again and again what a worker says now and then.</summary>
    private static async Task<int> ControlAsync()
    {
        await Cluster.ListenAsync(IPEndPoint.Parse("127.0.0.1:0"));
        byte[] pong = [26, 0, 0, 0, 14, .. new byte[25]];
        for (var i = 0; i < 100_000; i++)
            RawWorker.Write(pong);
        return 0;
    }

    private static unsafe void Linger(int socket)
    {
        var linger = stackalloc int[2] { 1, 60 };
        _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, linger, 2 * sizeof(int));
    }

    private static unsafe void Send(ReadOnlySpan<byte> message, params ReadOnlySpan<int> descriptors)
    {
        fixed (byte* start = message)
        {
            var vector = stackalloc nint[2] { (nint)start, message.Length };
            var control = stackalloc byte[64];
            *(nint*)control = 16 + (descriptors.Length * sizeof(int));
            *(int*)(control + 8) = SOL_SOCKET;
            *(int*)(control + 12) = 1; // SCM_RIGHTS
            for (var i = 0; i < descriptors.Length; i++)
                *(int*)(control + 16 + (i * sizeof(int))) = descriptors[i];
            var header = stackalloc nint[7] { 0, 0, (nint)vector, 1, descriptors.IsEmpty ? 0 : (nint)control, descriptors.IsEmpty ? 0 : *(nint*)control, 0 };
            while (sendmsg(Handoff, header, MSG_NOSIGNAL) < 0 && Marshal.GetLastPInvokeError() is 11 or 109)
                Thread.Sleep(1); // The primary is behind.
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint sendmsg(int socket, void* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int setsockopt(int descriptor, int level, int name, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int id, int signal);
}
