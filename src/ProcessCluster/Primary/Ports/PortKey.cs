using System.Net;

namespace ProcessCluster.Primary.Ports;

/// <summary>The use of an end point.</summary>
internal enum PortUse
{
    /// <summary>Connections, which workers share.</summary>
    Shared,

    /// <summary>Connections of one worker alone.</summary>
    Exclusive,

    /// <summary>Datagrams.</summary>
    Udp,

    /// <summary>Datagrams of IPv4 and IPv6. It is part of where the socket is bound.</summary>
    DualModeUdp,
}

/// <summary>The name by which workers ask for a port. Those who ask for the same get the same port.</summary>
/// <param name="Use">The use.</param>
/// <param name="EndPoint">The end point, as it was asked for.</param>
/// <param name="Owner">The number of the worker that has it alone; 0 for none.</param>
/// <param name="Nth">The number of ports at this end point that the worker has already. Port 0 asked for twice means two ports, and the n-th one of each worker is the same.</param>
internal sealed record PortKey(PortUse Use, EndPoint EndPoint, int Owner = 0, int Nth = 0)
{
    /// <summary>Returns whether a port that was asked for by port 0, and got this end point, is the one that this key asks for by its number.</summary>
    public bool IsNumberOf(PortKey unnumbered, EndPoint bound) =>
        unnumbered.Use == Use
        && unnumbered.Owner == Owner
        && EndPoint is IPEndPoint numbered
        && unnumbered.EndPoint is IPEndPoint { Port: 0 } any
        && any.Address.Equals(numbered.Address)
        && bound.Equals(numbered);
}
