using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Testing;

/// <summary>Clients that never retry: what is refused, cut or unanswered is an exception.</summary>
public static class Client
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>A new connection, a byte, and what comes back until the end: the process id of the echo role.</summary>
    public static async Task<int> Ask(EndPoint endPoint, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Patience);
        using var socket = Connectable(endPoint);
        await socket.ConnectAsync(endPoint, deadline.Token);
        return await Ask(socket, deadline.Token);
    }

    /// <summary>The same on a connection that is there.</summary>
    public static async Task<int> Ask(Socket socket, CancellationToken cancellationToken)
    {
        await socket.SendAsync(new byte[1], cancellationToken);
        var answer = await ReadToEnd(socket, cancellationToken);
        return int.TryParse(answer, CultureInfo.InvariantCulture, out var id)
            ? id
            : throw new IOException($"The connection ended after '{answer}'.");
    }

    /// <summary>
    /// A GET on a new connection, and the whole answer. .NET's own client may send a request again when its connection breaks before
    /// the answer; this one does not.
    /// </summary>
    public static async Task<string> Get(int port, string path, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Patience);
        var endPoint = new IPEndPoint(IPAddress.Loopback, port);
        using var socket = Connectable(endPoint);
        await socket.ConnectAsync(endPoint, deadline.Token);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), deadline.Token);
        var answer = await ReadToEnd(socket, deadline.Token);
        return answer.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) && answer.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
            ? answer
            : throw new IOException($"The connection ended after '{answer}'.");
    }

    public static async Task<string> ReadToEnd(Socket socket, CancellationToken cancellationToken)
    {
        var answer = new StringBuilder();
        var buffer = new byte[8192];
        while (await socket.ReceiveAsync(buffer, cancellationToken) is > 0 and var read)
            answer.Append(Encoding.ASCII.GetString(buffer, 0, read));
        return answer.ToString();
    }

    public static Socket Connectable(EndPoint endPoint) => endPoint is UnixDomainSocketEndPoint
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

    /// <summary>A client whose every request is on a new connection.</summary>
    public static HttpClient PerRequest(string address)
    {
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero })
        {
            BaseAddress = new Uri(address),
            Timeout = Patience,
        };
        client.DefaultRequestHeaders.ConnectionClose = true;
        return client;
    }

    /// <summary>A port that nobody listens on.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
