using System.Net;
using System.Net.Sockets;
using ProcessCluster.Platform;

namespace ProcessCluster.Primary.Listening;

/// <summary>
/// A UDP socket that workers share. The primary keeps its copy and neither receives nor sends: what no worker has received stays in the
/// kernel for the others, and for those that come.
/// </summary>
internal sealed class SharedUdpSocket(int id, Descriptor socket, IPEndPoint endPoint) : ISharedEndPoint
{
    public int Id { get; } = id;

    public EndPoint EndPoint { get; } = endPoint;

    public SocketType SocketType => SocketType.Dgram;

    public PeerAddress Address { get; } = new(endPoint);

    /// <summary>The number, to send a copy.</summary>
    public int Descriptor => socket.Number;

    public void Dispose() => socket.Dispose();
}
