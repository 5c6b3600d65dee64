using System.Net;

namespace ProcessCluster;

/// <summary>A received datagram.</summary>
/// <param name="Length">The number of bytes that it fills; 0 for an empty one.</param>
/// <param name="Sender">
/// Who sent it. On a socket that takes IPv4 and IPv6, an IPv4 address stands in an IPv6 one (<c>::ffff:192.0.2.1</c>).
/// </param>
public readonly record struct ClusterDatagram(int Length, IPEndPoint Sender);
