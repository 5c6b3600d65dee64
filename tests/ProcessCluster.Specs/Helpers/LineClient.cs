using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Specs;

/// <summary>Sends lines on one connection, and gets them back with the id of who answers.</summary>
internal sealed class LineClient(Socket socket) : IDisposable
{
    private readonly byte[] _buffer = new byte[100];

    public static async Task<LineClient> OpenAsync(IPEndPoint endPoint, CancellationToken deadline)
    {
        var socket = Client.Connectable(endPoint);
        await socket.ConnectAsync(endPoint, deadline);
        return new LineClient(socket);
    }

    public async Task<int> Ask(string line, CancellationToken deadline)
    {
        var (process, answer) = await Read($"{line}\n", deadline);
        Assert.Equal(line, answer);
        return process;
    }

    public async Task<(int Process, string Line)> Read(string rest, CancellationToken deadline)
    {
        await Send(rest, deadline);
        var length = 0;
        while (length == 0 || _buffer[length - 1] != '\n')
            length += await socket.ReceiveAsync(_buffer.AsMemory(length), deadline) is > 0 and var count ? count : throw new IOException($"It ended after {length} bytes.");
        var parts = Encoding.ASCII.GetString(_buffer, 0, length - 1).Split(' ');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), parts[1]);
    }

    public async Task Send(string text, CancellationToken deadline) => await socket.SendAsync(Encoding.ASCII.GetBytes(text), deadline);

    public async Task<string> ReadSome(CancellationToken deadline) => Encoding.ASCII.GetString(_buffer, 0, await socket.ReceiveAsync(_buffer, deadline));

    /// <summary>Whether nothing more comes: the end, or a reset.</summary>
    public async Task<bool> HasEnded(CancellationToken deadline)
    {
        try
        {
            return await socket.ReceiveAsync(_buffer, deadline) == 0;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
    }

    public void Dispose() => socket.Dispose();
}
