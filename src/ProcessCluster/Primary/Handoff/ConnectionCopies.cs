using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Handoff;

/// <summary>The copies as descriptors of this process.</summary>
internal sealed class ConnectionCopies : IConnectionCopies
{
    public long OpenFileLimit => OpenFiles.Limit;

    public void Reclaim(int descriptor) => StreamSocket.Reclaim(descriptor);

    public bool TryCountSent(int descriptor, out long sent) => StreamSocket.TryCountSent(descriptor, out sent);

    public void Close(int descriptor) => Descriptor.Close(descriptor);
}
