using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Testing;

/// <summary>What the specs of UDP have in common.</summary>
internal static class UdpSpecs
{
    /// <summary>Forks so many workers that answer datagrams with their process ids, and gives their port.</summary>
    public static async Task<IPEndPoint> Echo(TestProcess cluster, int workers, string variables = "")
    {
        var before = cluster.Count("^bound ");
        for (var i = 0; i < workers; i++)
            cluster.Send($"fork udp-echo {variables}".TrimEnd());
        return await Port(cluster, before + workers);
    }

    /// <summary>The port of the last of so many sockets that have been bound.</summary>
    public static async Task<IPEndPoint> Port(TestProcess cluster, int bound) =>
        IPEndPoint.Parse((await cluster.ExpectAll(@"^bound (\S+) \d+$", bound))[bound - 1].Groups[1].Value);

    /// <summary>Asks until so many different processes have answered, and gives how often that was.</summary>
    public static async Task<int> AskUntilAll(Client client, int workers)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answers = new HashSet<int>();
        for (var asked = 0; ; asked++)
        {
            if (answers.Count == workers)
                return asked;
            deadline.Token.ThrowIfCancellationRequested();
            answers.Add(await client.Ask());
        }
    }

    public static bool IsFree(IPEndPoint port)
    {
        using var socket = new Socket(port.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(port);
            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }

    /// <summary>A client that never sends again: what is lost is a timeout.</summary>
    public sealed class Client : IDisposable
    {
        private readonly Socket _socket;
        private readonly byte[] _buffer = new byte[100];

        public Client(IPEndPoint port)
        {
            _socket = new Socket(port.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            _socket.Connect(port);
        }

        public void Send() => Assert.Equal(1, _socket.Send("x"u8));

        /// <summary>The process id in the next answer.</summary>
        public async Task<int> Answer()
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var length = await _socket.ReceiveAsync(_buffer, deadline.Token);
            return int.Parse(Encoding.ASCII.GetString(_buffer, 0, length), CultureInfo.InvariantCulture);
        }

        public Task<int> Ask()
        {
            Send();
            return Answer();
        }

        public void Dispose() => _socket.Dispose();
    }
}
