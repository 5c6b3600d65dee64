using System.Net.Sockets;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Ports;

/// <summary>
/// Connections that nobody can serve, or whose worker is gone, and how they are told. An answer needs time: closing a connection with unread bytes would reset it, and the
/// answer with it; so what the client sends is thrown away until it closes, for a second at most. A worker may have had the connection, and may have left it
/// lingering. Belongs to the cluster's loop.
/// </summary>
internal sealed class RejectedConnections(WhenFull how, TimeProvider time)
{
    private const int MaxAnswered = 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Queue<(Descriptor Socket, long Deadline)> _answered = new();

    private static ReadOnlySpan<byte> Unavailable =>
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"u8;

    /// <summary>Gets whether answers wait for <see cref="Tick"/>.</summary>
    public bool WaitsForTime => _answered.Count > 0;

    public void Refuse(int descriptor)
    {
        if (how == WhenFull.ServiceUnavailable)
        {
            Answer(descriptor, Unavailable);
            return;
        }
        var socket = new Descriptor(descriptor);
        if (how == WhenFull.Reset)
            StreamSocket.Reset(socket);
        StreamSocket.CloseCopy(socket);
    }

    /// <summary>Sends this and closes the connection. A client that reads so slowly that it does not fit into the kernel's buffer is reset, as it would get a part.</summary>
    public void Answer(int descriptor, ReadOnlySpan<byte> answer)
    {
        var socket = new Descriptor(descriptor);
        try
        {
            if (StreamSocket.TrySend(socket, answer, out var sent) && sent == answer.Length)
            {
                StreamSocket.Shutdown(socket, both: false);
                if (_answered.Count == MaxAnswered)
                    StreamSocket.CloseCopy(_answered.Dequeue().Socket);
                _answered.Enqueue((socket, time.GetTimestamp() + (long)(Patience.TotalSeconds * time.TimestampFrequency)));
                return;
            }
            StreamSocket.Reset(socket);
        }
        catch (SocketException)
        {
            // The client is gone.
        }
        StreamSocket.CloseCopy(socket);
    }

    public void Tick()
    {
        for (var left = _answered.Count; left > 0; left--)
        {
            var (socket, deadline) = _answered.Dequeue();
            if (deadline > time.GetTimestamp() && !HasEnded(socket))
                _answered.Enqueue((socket, deadline));
            else
                StreamSocket.CloseCopy(socket);
        }
    }

    public void Clear()
    {
        while (_answered.TryDequeue(out var answered))
            StreamSocket.CloseCopy(answered.Socket);
    }

    private static bool HasEnded(Descriptor socket)
    {
        Span<byte> thrownAway = stackalloc byte[4096];
        try
        {
            for (var i = 0; i < 16; i++)
            {
                if (!StreamSocket.TryReceive(socket, thrownAway, out var received))
                    return false;
                if (received == 0)
                    return true;
            }
            return false;
        }
        catch (SocketException)
        {
            return true; // Reset: it is gone.
        }
    }
}
