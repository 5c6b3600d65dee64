using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>An accepted connection on its way to a worker.</summary>
/// <param name="Descriptor">The primary's own copy.</param>
/// <param name="Peer">The client's address.</param>
/// <param name="Deadline">The end of its waiting (<see cref="TimeProvider.GetTimestamp"/>).</param>
/// <param name="Skip">The number of received bytes that are a PROXY protocol header, which the worker skips.</param>
/// <param name="IsMoved">True when it was another worker's: idle, and past its PROXY protocol header.</param>
/// <param name="IsReplayed">True when a worker has ended over the request that comes first on it: there is no third try.</param>
internal readonly record struct PendingConnection(int Descriptor, PeerAddress Peer, long Deadline, ushort Skip = 0, bool IsMoved = false, bool IsReplayed = false)
{
    /// <summary>The longest that is looked at of what a client has sent.</summary>
    public const int MaxPeek = 16 * 1024;

    /// <summary>Reads what the client has sent, and leaves it in the kernel. Returns 0 when nothing is there, -1 when nothing will come any more.</summary>
    public int Peek(Span<byte> buffer) => StreamSocket.Peek(Descriptor, buffer);

    /// <summary>The same without what the worker passes over.</summary>
    public ReadOnlySpan<byte> PeekPayload(Span<byte> buffer) => Peek(buffer) is var length && length > Skip ? buffer[Skip..length] : [];
}
